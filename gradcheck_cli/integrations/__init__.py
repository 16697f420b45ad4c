"""Thin bridges to other tools."""
