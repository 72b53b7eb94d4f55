"""The state: cursors, ledger, alerts and outbox, moved together in one transaction."""
