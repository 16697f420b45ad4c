"""The nouns: plain frozen data that every other floor shares; standard library only."""
