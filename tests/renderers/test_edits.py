"""Replacements made of a diff rebuild the file that the diff was made for."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck_cli.renderers.sarif import replacements

LINES = st.lists(
    st.sampled_from(["a", "b", "", "  c", "-- x", "++ y", "@@ z", "nn.Sigmoid(),"]), max_size=12
)


@given(LINES, LINES)
@pytest.mark.parametrize("context", [0, 3])
def test_applying_them_gives_the_new_file(context: int, old: list[str], new: list[str]) -> None:
    diff = "".join(
        difflib.unified_diff(
            [f"{x}\n" for x in old], [f"{x}\n" for x in new], "a/m.py", "b/m.py", n=context
        )
    )
    lines = [f"{x}\n" for x in old]
    for edit in reversed(list(replacements(diff))):
        assert edit.file == "m.py"
        lines[edit.start - 1 : edit.end - 1] = [edit.text]
    assert "".join(lines) == "".join(f"{x}\n" for x in new)


@pytest.mark.parametrize(
    "text", ["", "not a diff", "@@ -1 +1 @@", "+++ b/x.py", "--- a\n+++ b\n@@ -x"]
)
def test_what_is_no_diff_gives_nothing_to_delete(text: str) -> None:
    assert list(replacements(text)) == []
