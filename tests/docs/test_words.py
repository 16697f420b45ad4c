"""Words that must not come back: British spelling, and terms of our own where the field has one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = [  # what a person reads
    *(p for p in ROOT.glob("gradcheck_cli/**/*") if p.suffix in {".py", ".j2", ".js"}),
    *ROOT.glob("sample_models/*.py"),
    *ROOT.glob("docs/**/*.md"),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "action.yml")),
]
MEASURED = {  # written by runs: with names of cases, and in the words of that run
    *("accuracy.md", "fixes.md", "public.md", "published.md", "gallery.md"),
    *(p.name for folder in ("gallery", "symptoms") for p in (ROOT / "docs" / folder).glob("*.md")),
}
NAMES_OLD_REPORTS = {"diagnosis.py", "glossary.md"}
STEMS = "initial|normal|optim|standard|recogn|synchron|material|quant|regular|memor|general|summar|minim|maxim"
WORDS = {
    "American spelling": (
        rf"(?:{STEMS})is(?:e|ing|ation)",
        r"\bbehaviour",
        r"\bcolour",
        r"\bneighbour",
        r"judgement",
        r"(?<!aria-)labelled",
        r"travelled",
        r"\blicence\b",
    ),
    "names of fixes": (r"close-branches", r"open-gates", r"gate-recurrence", r"guard-slope"),
    "terms of the field": (
        r"hardly takes? part",
        r"take part in learning",
        r"orders of magnitude weaker",
        r"a signal survives",
        r"stretches an output over",
        r"asks? for a gradient and never",
        r"sits? at the end of (?:its|their) range",
        r"gradient is no number",
        r"loss is no number",
        r"lost gradient \(in decades\)",
        r"it was it\b(?! was)",
        r"[Oo]nly these rules count",
        r"in spite of findings",
        r"[Ww]ait so long for a step",
    ),
}


@pytest.mark.parametrize("why", WORDS)
def test_words_that_were_replaced_do_not_come_back(why: str) -> None:
    banned = re.compile("|".join(WORDS[why]))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in READ
        if path.name not in MEASURED | NAMES_OLD_REPORTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if banned.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("said", ["initialised", "7 of 11 layers hardly take part", "open-gates"])
def test_the_list_catches_what_it_is_for(said: str) -> None:
    assert re.search("|".join(word for words in WORDS.values() for word in words), said)
