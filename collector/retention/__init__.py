"""What is older than it is kept goes: events, alerts, and what the state remembers of them."""
