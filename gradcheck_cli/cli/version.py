"""`gradcheck --version`, without importing what it names."""

import platform
from importlib.metadata import PackageNotFoundError, entry_points, version

from gradcheck_cli import __version__

PLUGINS = "gradcheck.rules"


def version_lines(*, verbose: bool) -> list[str]:
    """Return the version, and with `verbose` what it runs on."""
    lines = [f"gradcheck {__version__}"]
    if verbose:
        lines += [f"python {platform.python_version()}", f"torch {_installed('torch')}"]
        lines += [f"platform {platform.platform()}"]
        lines += [
            f"plugin {plugin.name} ({plugin.value})" for plugin in entry_points(group=PLUGINS)
        ]
    return lines


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is not installed"
