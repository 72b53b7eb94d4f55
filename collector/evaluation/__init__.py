"""Runs the rules over a batch and the archive around it; writes nothing."""
