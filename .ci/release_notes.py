"""Check that a tag may be released and print its notes: `python .ci/release_notes.py v0.2.0`.

The tag has to be `v` and the version of pyproject.toml and of the package, and the changelog needs a
section of that version with text in it. Exits 1 with what is wrong.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def notes(tag: str, root: Path = ROOT) -> str:
    """Return the changelog's section for a tag. Raises ValueError when it may not be released."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = project["version"]
    package = (root / "gradcheck_cli" / "__init__.py").read_text(encoding="utf-8")
    if f'__version__ = "{version}"' not in package:
        raise ValueError(f"gradcheck_cli.__version__ is not {version}, as pyproject.toml says")
    if tag != f"v{version}":
        raise ValueError(f"the tag {tag} does not fit version {version}: it has to be v{version}")
    log = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    head = rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## \[|\Z)"
    section = re.search(head, log, re.MULTILINE | re.DOTALL)
    if section is None or not section[1].strip():
        raise ValueError(f"CHANGELOG.md says nothing of [{version}]: rename [Unreleased]")
    return section[1].strip() + "\n"


if __name__ == "__main__":
    try:
        sys.stdout.write(notes(*sys.argv[1:2] or ("",)))
    except ValueError as error:
        sys.exit(f"error: {error}")
