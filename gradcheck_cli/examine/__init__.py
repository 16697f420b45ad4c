"""Small experiments on a training that is sick, on states that are restored (torch)."""
