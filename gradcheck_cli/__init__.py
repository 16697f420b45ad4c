"""gradcheck tells you why your PyTorch model does not learn, and proves the fix."""

import sys
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


class _Ours:
    """Imports modules of ours as if no file of the user's had the name of one that these import."""

    def __init__(self, loader: "Any") -> None:
        self._loader = loader

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """Return what the other finders do, with a loader of this kind."""
        if not name.startswith(f"{__name__}.") or name == f"{__name__}.shadowing":
            return None
        found = (f.find_spec(name, path, target) for f in sys.meta_path if f is not cls)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = cls(spec.loader)  # type: ignore[assignment]  # it does what a loader does
        return spec

    def exec_module(self, module: "Any") -> None:
        """Run the module's code."""
        with import_module(f"{__name__}.shadowing").ours():
            self._loader.exec_module(module)

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)


sys.meta_path.insert(0, _Ours)
