"""A call is known by its place; where a place lies depends on the folder of the process."""

from pathlib import Path

import pytest

from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.remedies.calls import Exchange


def test_the_same_name_in_another_folder_is_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found.append(Exchange(SourceSite("net.py", 1), "detach", lambda x: x).file)
    assert found == [(tmp_path / name / "net.py").resolve() for name in ("one", "two")]
