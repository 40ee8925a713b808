"""What a case may do."""
