"""All experiments in the order in which they are run, listed by hand; a test compares the list with the folder."""

from gradcheck_cli.examine.against_constant import against_constant
from gradcheck_cli.examine.base import Experiment

EXPERIMENTS: tuple[Experiment, ...] = (against_constant,)
