"""Scripts that are measured, and know nothing of who measures."""
