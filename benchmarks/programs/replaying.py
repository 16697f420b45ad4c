"""Run a program as `gradcheck run --verify` does, and write whether its recorded steps play again.

    python -m benchmarks.programs.replaying FILE PROGRAM ARGUMENTS

No fix is tried and nothing is examined: the one question is whether the unchanged replay gives the recorded losses.
"""

import sys
from pathlib import Path
from typing import Any

from gradcheck_cli import witnessing
from gradcheck_cli.__main__ import main
from gradcheck_cli.replay.reproducing import Replayed, reproduced
from gradcheck_cli.rerun.repeating import Rerun
from gradcheck_cli.targets.repeatable import Either


def answered(to: Path) -> None:
    """Let the pipeline's own question for something to repeat also write what the replay gives."""
    asked = witnessing.repeated

    def repeated(session: Any, played: Any) -> Any:
        repeat, untried = asked(session, played)
        first = repeat.first if isinstance(repeat, Either) else repeat
        answer = untried
        if isinstance(first, Replayed):
            whole = first.whole or first.replay  # one of several trainings has losses of its own
            with first.around(), whole:
                answer = str(reproduced(whole))
        elif isinstance(first, Rerun):
            answer = f"the whole script would be run again: {first.reason}"
        with to.open("a") as file:
            file.write(answer + "\n")
        return repeat, untried

    witnessing.repeated = repeated


if __name__ == "__main__":
    answered(Path(sys.argv[1]))
    asked_for = ["run", "--verify", "--examine", "none", "--budget", "0", "-q"]
    sys.argv = ["gradcheck", *asked_for, "--fail-on", "never", *sys.argv[2:]]
    main()
