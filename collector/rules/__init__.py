"""Rule files at work: tests inside them, hot reload, and which of them can fire."""
