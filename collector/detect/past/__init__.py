"""What was not there before, and what is far above what is usual."""
