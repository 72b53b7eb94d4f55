"""Checks an org and the channels before anything is collected."""
