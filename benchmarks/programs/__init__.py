"""Public training programs: which, at which commit, with which command and stand-ins."""

from benchmarks.programs import adversarial, agents, examples, graphs, huggingface, lightning
from benchmarks.programs.program import Program

PROGRAMS: tuple[Program, ...] = (
    *examples.PROGRAMS,
    *adversarial.PROGRAMS,
    *agents.PROGRAMS,
    *graphs.PROGRAMS,
    *huggingface.PROGRAMS,
    *lightning.PROGRAMS,
)
