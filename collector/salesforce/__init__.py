"""Talking to Salesforce: tokens, queries and downloads, and what each refusal means."""
