"""What would help: changes of the network or its training, with their cards (torch)."""
