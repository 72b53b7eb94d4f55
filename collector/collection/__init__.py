"""Polls orgs and reads local files: decides what to fetch, within a share of the API calls."""
