"""Sick models on real data, each with a healthy twin that differs in one thing."""
