"""What a configuration changes of rules: in their documents, before these are compiled."""
