"""benchmarks/README.md names commands and options that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    **{p.stem: p for p in (ROOT / "benchmarks").glob("*.py")},
    **{p.parent.name: p for p in (ROOT / "benchmarks").glob("*/__main__.py")},
}
PAGE = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


def test_every_command_exists_with_its_options() -> None:
    commands = re.findall(r"^python -m benchmarks\.(\w+)(.*)$", PAGE, re.MULTILINE)
    assert len(commands) > 3
    for name, rest in commands:
        source = PROGRAMS[name].read_text(encoding="utf-8")
        assert "__main__" in source
        assert [o for o in re.findall(r"--[a-z-]+", rest) if f'"{o}"' not in source] == []


def test_options_in_the_text_exist() -> None:
    sources = "".join(p.read_text("utf-8") for p in PROGRAMS.values())
    assert [o for o in re.findall(r"`(--[a-z-]+)", PAGE) if f'"{o}"' not in sources] == []


def test_every_benchmark_is_on_the_page() -> None:
    runnable = {
        name
        for name, file in PROGRAMS.items()
        if '__name__ == "__main__"' in file.read_text(encoding="utf-8")
    }
    assert runnable == set(re.findall(r"\| `python -m benchmarks\.(\w+)` \|", PAGE))
