"""The figures of the size of the package are those of its source."""

from pathlib import Path

from benchmarks.size import by_folder, figures

SMALL = {
    "pipeline.py": "def made():\n    return Report(verdict=1)\n",
    "rules/one.py": 'def one(trace, *, limit=3.5):\n    """A manual."""\n    return 7.25\n',
    "cli/options.py": "lr = Option('--lr')\nseed = Option('--seed')\nb = Option('--budget')\nd = Option('--data')\n",
}


def test_it_counts_files_lines_reports_settings_and_bare_numbers(tmp_path: Path) -> None:
    for name, text in SMALL.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = figures(tmp_path)
    assert (found["files"], found["lines"]) == ("3", "9")
    assert found["places that assemble a report"] == "1 (pipeline.py)"
    assert found["places that declare settings"] == "1 (cli/options.py)"
    assert found["numbers without a name in rules and causes"] == "1"
    assert by_folder(tmp_path) == {".": (1, 2), "cli": (1, 4), "rules": (1, 3)}
