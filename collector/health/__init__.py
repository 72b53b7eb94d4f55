"""Watches the collector itself and reports its symptoms as events."""
