"""What to examine: builds the same training again and again from what the user has (torch)."""
