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


def answered(to: Path) -> None:
    """Let the pipeline's own question for something to repeat also write what the replay gives."""
    asked = witnessing.repeated

    def repeated(session: Any, played: Any) -> Any:
        repeat, untried = asked(session, played)
        answer = untried
        if isinstance(repeat, Replayed):
            with repeat.around(), repeat.replay:
                answer = str(reproduced(repeat.replay))
        with to.open("a") as file:
            file.write(answer + "\n")
        return repeat, untried

    witnessing.repeated = repeated


if __name__ == "__main__":
    answered(Path(sys.argv[1]))
    asked_for = ["run", "--verify", "--examine", "none", "--budget", "0", "-q"]
    sys.argv = ["gradcheck", *asked_for, "--fail-on", "never", *sys.argv[2:]]
    main()
