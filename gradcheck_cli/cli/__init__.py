"""How it is asked: one file per command."""
