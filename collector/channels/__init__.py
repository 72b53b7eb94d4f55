"""The channels that alerts are sent to. A new one is a folder with a SPEC, and a line in the registry."""
