"""SECURITY.md names beside each promise the test that holds it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_each_input_that_is_not_trusted_names_tests_that_exist() -> None:
    table = PAGE.partition("| held by |")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    assert len(rows) > 5
    for row in rows:
        assert NAMED.search(row.split("|")[-2]), row
    for path, test in NAMED.findall(PAGE):
        assert (ROOT / path).is_file(), path
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in text, f"{path} has no {test}"


def test_each_promise_below_the_table_names_its_tests() -> None:
    promises = PAGE.partition("There is **no network**")[2].partition("## How it is tried")[0]
    for sentence in ("opens no connection", "Tracebacks show", "Exit code 0 means", "Exit code 4",
                     "Ctrl-C and SIGTERM", "is killed leaves"):  # fmt: skip
        assert sentence in promises
        after = promises.partition(sentence)[2]
        assert sentence == "opens no connection" or NAMED.search(after), sentence
    assert len(NAMED.findall(promises)) >= 8
