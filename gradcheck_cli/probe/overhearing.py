"""Before a step that will be inspected, networks that run without a graph may compute its targets."""

from collections.abc import Sequence

import torch

from gradcheck_cli.probe.session import Session


def overhear(sessions: Sequence[Session], depth: int) -> None:
    """A module is called, `depth` deep: listen from here on where the next step will be inspected."""
    if depth == 1 and not torch.is_grad_enabled():
        for session in sessions:
            if session.sampling.inspects(session.steps):
                session.recorder.begin_prelude()
