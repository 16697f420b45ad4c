"""What `gradcheck run` says before it runs a script."""

from pathlib import Path

import pytest

from tests.support.processes import python

NOTHING = "import sys\nprint(sys.argv[1:])\n"
OWN = "import argparse\nparser = argparse.ArgumentParser()\n"


@pytest.mark.parametrize(
    ("script", "given", "said"),
    [
        (
            NOTHING,
            ["--verify"],
            "passing --verify to train.py; options for gradcheck go before the script",
        ),
        (
            NOTHING,
            ["--stop-after=9", "--verify", "--lr", "1"],
            "passing --stop-after and --verify to train.py; options for gradcheck go before the script",
        ),
        (
            f"{OWN}parser.add_argument('--stop-after')\nparser.parse_args()\n",
            ["--stop-after=9"],
            "",
        ),
        (f"{OWN}parser.add_argument('--lr')\nparser.parse_args()\n", ["--lr=9"], ""),
    ],
    ids=["one", "two", "the script's own", "none of ours"],
)
def test_an_option_of_ours_that_goes_to_the_script_is_named(
    tmp_path: Path, script: str, given: list[str], said: str
) -> None:
    (tmp_path / "train.py").write_text(script)
    done = python(tmp_path, "-m", "gradcheck_cli", "run", "train.py", *given)
    lines = " ".join(done.stderr.split())
    assert (said in lines) if said else ("passing" not in lines), done.stderr
    if script is NOTHING:
        assert done.stdout == f"{given}\n"
