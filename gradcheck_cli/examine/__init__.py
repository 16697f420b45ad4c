"""Small experiments on a training: questions that are put to it, each answered by a measurement."""

from gradcheck_cli.examine.battery import DEPTHS, examine
from gradcheck_cli.examine.of_target import subject_of
from gradcheck_cli.examine.passes import with_passes

__all__ = ["DEPTHS", "examine", "subject_of", "with_passes"]
