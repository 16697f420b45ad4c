"""Use a gated recurrence (GRU) where a plain RNN has to remember for long.

Works because  A GRU adds to its state instead of multiplying it: while the update gate is closed
               state and gradient pass unchanged.
Costs          Three times the recurrent weights and time.
Not for        Short sequences; very long ones, where pooling over time or attention is better.
Sources        Cho et al. 2014, arXiv:1406.1078; Hochreiter & Schmidhuber 1997.
"""

from collections.abc import Iterator

from torch import nn

from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.initialize_recurrence import recurrent
from gradcheck_cli.remedies.surgery import exchange, like
from gradcheck_cli.remedies.wording import listed, names, paste, where
from gradcheck_cli.targets.change import Change

CLOSED = 3.0  # bias of the update gate: sigmoid(3) = 0.95 of the state is kept per step


def gated(old: nn.Module) -> nn.Module:
    """Return a GRU of the same shape whose update gates start nearly closed."""
    assert isinstance(old, nn.RNN)
    new = nn.GRU(
        old.input_size,
        old.hidden_size,
        old.num_layers,
        bias=old.bias,
        batch_first=old.batch_first,
        dropout=old.dropout,
        bidirectional=old.bidirectional,
    )
    for name, parameter in new.named_parameters():
        if "weight_hh" in name:
            for block in parameter.data.chunk(3):
                nn.init.orthogonal_(block)
        elif "bias_ih" in name:
            parameter.data.chunk(3)[1].fill_(CLOSED)
    return like(new, old)


@remedy("replace-recurrence", treats=("long-recurrence",), risk=REVIEW, part="recurrence")
def replace_recurrence(case: Case) -> Iterator[Draft]:
    """Draft GRUs in the place of plain RNNs."""
    layers = [x for x in recurrent(case) if type(case.module(x)) is nn.RNN]
    if not layers:
        return
    paths = [x.path for x in layers]
    yield Draft(
        summary=f"Use nn.GRU instead of nn.RNN in {names(paths)}.",
        code=paste(
            where(layers),
            f"# nn.GRU(...) instead of nn.RNN(...) in {listed(paths)}, update gates nearly closed:",
            "for name, p in gru.named_parameters():",
            '    if "bias_ih" in name:',
            f"        p.data.chunk(3)[1].fill_({CLOSED:g})",
        ),
        change=Change(summary="GRU", model=exchange(paths, gated)),
        layers=tuple(paths),
        size=4,
    )
