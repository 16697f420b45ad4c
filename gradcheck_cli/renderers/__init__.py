"""How it is told: pure functions from a report to text."""
