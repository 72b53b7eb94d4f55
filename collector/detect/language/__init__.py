"""The rule language: documents of Sigma files, all that can be wrong with them, and rules."""
