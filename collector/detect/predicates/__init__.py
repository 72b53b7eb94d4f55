"""Conditions over single events as SQL predicates."""
