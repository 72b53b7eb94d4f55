"""The kinds of channels. A new one is a folder with a SPEC, and a line in the registry."""
