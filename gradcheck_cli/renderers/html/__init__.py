"""A report as one self-contained page: no network, no frame, nothing but its own hashed script."""

from gradcheck_cli.renderers.html.page import render

__all__ = ["render"]
