"""What a person or a program asks of the collector, as typed answers."""
