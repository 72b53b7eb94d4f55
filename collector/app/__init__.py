"""Puts the parts of a configuration together and runs them."""
