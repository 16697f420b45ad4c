"""Did it help: a change re-run beside an untouched control and a sham (torch)."""

from gradcheck_cli.verifying.trying import estimate, verify

__all__ = ["estimate", "verify"]
