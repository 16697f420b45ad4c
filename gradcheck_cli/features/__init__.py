"""Quantities derived from a trace: computed here, once, for rules, causes, experiments and sentences."""
