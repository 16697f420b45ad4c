"""Networks of the cases, by what they are made of."""
