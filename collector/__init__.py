"""A Salesforce security collector: orgs' logs in, alerts out."""

__version__ = "0.1.0"
