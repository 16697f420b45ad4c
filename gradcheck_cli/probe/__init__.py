"""How to measure: hooks in, sums out, nothing left behind (torch)."""
