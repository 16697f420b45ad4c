"""gradcheck tells you why your PyTorch model does not learn, and proves the fix."""

from importlib import import_module

TYPE_CHECKING = False  # as typing's; typing itself could be a file in the folder we are started in
if TYPE_CHECKING:
    from typing import Any

    from gradcheck_cli.diagnosing import diagnose
    from gradcheck_cli.policy import Policy
    from gradcheck_cli.records.finding import Finding, Severity
    from gradcheck_cli.records.report import Report, Verdict
    from gradcheck_cli.targets.target import Target
    from gradcheck_cli.watching import watch

__version__ = "0.1.0"
__all__ = ["Finding", "Policy", "Report", "Severity", "Target", "Verdict", "diagnose", "watch"]

_HOMES = {
    "Finding": "records.finding",
    "Policy": "policy",
    "Report": "records.report",
    "Severity": "records.finding",
    "Target": "targets.target",
    "Verdict": "records.report",
    "diagnose": "diagnosing",
    "watch": "watching",
}


def __getattr__(name: str) -> "Any":
    """Import a public name when it is first used: some of them need torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
