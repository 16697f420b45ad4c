"""Start hand-written gates open, with a positive bias.

Works because  A gate multiplies what passes by sigmoid(z); with z around 0 half of signal and
               gradient is lost at each gate, with a bias of 3 only a twentieth.
Costs          Nothing at run time; gates that should close take longer to learn it.
Not for        Gates whose closed start is meant, such as zero-initialized residual gates.
Sources        Srivastava et al. 2015, arXiv:1505.00387, section 2.2 (highway networks).
"""

from collections.abc import Iterator

from torch import Tensor, nn

from gradcheck_cli.remedies.activations import gates
from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.surgery import touch
from gradcheck_cli.remedies.wording import listed, names, paste, where
from gradcheck_cli.targets.change import Change

OPEN = 3.0  # sigmoid(3) = 0.95


def _open(module: nn.Module) -> None:
    assert isinstance(module.bias, Tensor)
    module.bias.fill_(OPEN)


@remedy(
    "gate-bias-init",
    treats=("saturating-activation", "depth-without-normalization"),
    risk=SAFE,
    part="initialization",
)
def gate_bias_init(case: Case) -> Iterator[Draft]:
    """Draft open gates for every layer that is called a gate and goes through a sigmoid."""
    layers = [
        x for x in gates(case.trace) if isinstance(getattr(case.module(x), "bias", None), Tensor)
    ]
    if not layers:
        return
    paths = [x.path for x in layers]
    yield Draft(
        summary=f"Start the gates {names(paths)} open, with a bias of {OPEN:g}.",
        code=paste(
            where(layers),
            f"for name in {listed(paths)}:",
            f"    nn.init.constant_(model.get_submodule(name).bias, {OPEN:g})",
        ),
        change=Change(summary="open gates", model=touch(paths, _open)),
        layers=tuple(paths),
        size=1,
    )
