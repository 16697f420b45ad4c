"""`gradcheck --version`, without importing what it names."""

import platform
from importlib.metadata import PackageNotFoundError, version

from gradcheck_cli import __version__, plugins


def version_lines(*, verbose: bool) -> list[str]:
    """Return the version, and with `verbose` what it runs on."""
    lines = [f"gradcheck {__version__}"]
    if verbose:
        lines += [f"python {platform.python_version()}", f"torch {_installed('torch')}"]
        lines += [f"platform {platform.platform()}"]
        lines += [
            f"plugin {plugins.described(point)}: {point.value}"
            for group in plugins.GROUPS
            for point in plugins.installed(group)
        ]
    return lines


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is not installed"
