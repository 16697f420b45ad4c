"""Checks of the Acme company, as an example of a plugin of gradcheck."""
