"""A report in the terminal: 80 columns, light or dark, with or without color."""

from gradcheck_cli.renderers.terminal.page import TerminalReport, render

__all__ = ["TerminalReport", "render"]
