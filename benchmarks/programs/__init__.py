"""Public training programs: which, at which commit, with which command and stand-ins."""

from dataclasses import replace

from benchmarks.programs import adversarial, agents, examples, graphs, huggingface, lightning
from benchmarks.programs.program import Program

TWICE = "mismatched-loss: its classes go through a softmax, and cross entropy applies another one"
# What their lines say themselves.
SICK = {
    "PyTorch-GAN acgan": f"{TWICE} (acgan.py:100 and 113)",
    "PyTorch-GAN sgan": f"{TWICE} (sgan.py:99 and 112)",
    "PyTorch-GAN infogan": f"{TWICE} (infogan.py:111 and 126)",
    "graykode BERT": "made-in-forward: its attention makes nn.Linear and nn.LayerNorm in each forward pass",
    "MorvanZhou 504_batch_normalization": "vanishing-gradient, saturated-activation, collapsed-features, "
    "poor-initialization: of its two networks the one without normalization starts from biases that are "
    "called bad there, to show what normalization mends",
}
_ALL: tuple[Program, ...] = (
    *examples.PROGRAMS,
    *adversarial.PROGRAMS,
    *agents.PROGRAMS,
    *graphs.PROGRAMS,
    *huggingface.PROGRAMS,
    *lightning.PROGRAMS,
)
PROGRAMS = tuple(replace(one, sick=SICK.get(one.name, one.sick)) for one in _ALL)
