"""Takes one batch in: writes it to the archive, evaluates rules, commits all of it at once."""
