"""gradcheck tells you why your PyTorch model does not learn, and proves the fix."""

__version__ = "0.1.0"
