"""First-seen rules and baselines over a batch, with what they remember of the past."""
