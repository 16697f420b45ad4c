"""Does the loss read another output as well that the model computes from the one that is compared?"""

import torch
from torch import Tensor

from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.probe.calls import tensors_in

WHY = (
    "the loss reads another output, too, that the model computes from the one compared with targets"
)


def entangled(subject: Subject) -> bool:
    """Return whether outputs that are written by hand would contradict each other.

    So it is where a model hands out scores and their normalization, as of a conditional random field.
    """
    batch = subject.batches[0]
    try:
        with subject.at("now"), torch.enable_grad():
            outputs = subject.outputs(batch)
            main = subject.main(outputs)
            others = [t for t in tensors_in(outputs) if t is not main and t.grad_fn is not None]
            if not others or main.grad_fn is None:
                return False
            made = main.detach().requires_grad_()
            loss = subject.loss(subject.with_main(outputs, made), batch)
            read = _slopes(loss, [made, *others])
            used = [t for t, slope in zip(others, read[1:], strict=True) if slope is not None]
            return read[0] is not None and any(
                _slopes(t.sum(), [main])[0] is not None for t in used
            )
    except (NotApplicableError, RuntimeError):  # no graph, or none twice
        return False


def _slopes(of: Tensor, by: list[Tensor]) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(of, by, retain_graph=True, allow_unused=True)
