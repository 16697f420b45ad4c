"""Which config file counts: one, whole; files are never merged."""

from collections.abc import Mapping
from pathlib import Path

from gradcheck_cli.errors import UsageError
from gradcheck_cli.settings.located import Located, read_toml, read_yaml
from gradcheck_cli.settings.problems import refused, shown

YAML_NAMES = ("gradcheck.yaml", "gradcheck.yml")
TOML_NAME = "pyproject.toml"
VARIABLE = "GRADCHECK_CONFIG"


def find_config(given: str | None, environ: Mapping[str, str], folder: Path) -> Located | None:
    """Return the file that was named, else the nearest one upward to the root of the repository.

    Raises UsageError where a named file does not exist, ConfigError where one cannot be read or two
    lie side by side.
    """
    named, said = (given, "--config") if given else (environ.get(VARIABLE), VARIABLE)
    if named:
        path = shown(_at_home(named))
        if not _is_file(path):
            raise UsageError(f"{said} {named}: no such file")
        return _read_named(path)
    for place in (folder, *folder.parents):
        if (found := _in_folder(place)) is not None:
            return found
        if (place / ".git").exists():
            return None
    return None


def _at_home(named: str) -> Path:
    try:
        return Path(named).expanduser()
    except RuntimeError:  # `~nobody`: no such user
        return Path(named)


def _is_file(path: Path) -> bool:
    """Is it there? Also a name that is too long for the system, or out of reach, is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_config(path: Path) -> bool:
    """Is it there? Raises UsageError for a link that leads nowhere, and what is no regular file."""
    if _is_file(path):
        return True
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise UsageError(f"can not read {shown(path)}: it leads to no regular file")
    return False


def _read_named(path: Path) -> Located:
    if path.suffix != ".toml":
        return read_yaml(path)
    located = read_toml(path)
    if located is None:
        raise refused(path, "has no [tool.gradcheck]")
    return located


def _in_folder(folder: Path) -> Located | None:
    found = [read_yaml(shown(folder / name)) for name in YAML_NAMES if _is_config(folder / name)]
    toml = read_toml(shown(folder / TOML_NAME)) if _is_config(folder / TOML_NAME) else None
    if toml is not None:
        found.append(toml)
    if len(found) > 1:
        others = " and ".join(str(located.file) for located in found[1:])
        message = f"there is also {others}; keep one of them, they are not merged"
        raise refused(found[0].file, message)
    return found[0] if found else None
