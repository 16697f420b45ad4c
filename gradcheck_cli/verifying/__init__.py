"""Did it help: a change re-run beside an untouched control and a sham (torch)."""

from gradcheck_cli.verifying.reconsidering import reconsidered
from gradcheck_cli.verifying.trying import declined, estimate, forecast, prove

__all__ = ["declined", "estimate", "forecast", "prove", "reconsidered"]
