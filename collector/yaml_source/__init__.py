"""YAML files as trees that know the line and column of every key and value."""
