"""Copies of the state, and of the archive with it, and their way back."""
