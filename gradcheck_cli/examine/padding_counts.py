"""Do tokens count, and padding not?"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import hooked, quietly
from gradcheck_cli.examine.sequences import (
    CHANGE,
    Entries,
    outputs_of,
    per_position,
    seen_at,
    tokens_of,
)
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FEW, MOST = 0.1, 0.5  # share of tokens that count: below FEW none do, above MOST they do


@experiment(
    "padding-counts",
    "Do the tokens of padded samples count?",
    padding_learned="Does the loss leave out padding?",
)
def padding_counts(scene: Scene) -> Iterator[Said]:
    """Exchange single tokens of samples that are padded and of samples that are full.

    Procedure  padding is a token that stands only at the end of samples, in numbers that vary. For each
               position: does another token there change the output (with an output at each position, that of
               other positions), in padded samples and in full ones? With one output, the same is asked of the last
               layer that has one at each position: tokens pass by a mask on the way around it. Without a full
               sample, and no recurrence that may have forgotten them, tokens are compared with the padding itself.
               And which tokens are left to attention by the padding mask that torch's own layers are given?
               Of the positions at which the loss has a slope, with a target at each: how many are padding?
    Answers    fine: in both. Wrong: in full samples tokens count, or the padding does, and in padded ones fewer than 10 %; or
               the mask hides all tokens but one, which is the padding: it is turned round. Wrong, too: more
               than half of what the loss counts is padding, whose targets are all one: it falls by what everybody knows.
    Costs      one forward pass for each position, at most 16.
    Sources    PyTorch documentation of MultiheadAttention, key_padding_mask (True is ignored).
    """
    subject = scene.subject
    tokens = tokens_of(subject)
    if (left := _left_to_attention(subject, tokens)) is not None:
        yield Said(
            outcome=Outcome.WRONG,
            said=f"the padding mask hides all tokens from attention but {left}, which is none of those that it hides: "
            "True is what attention must not look at",
            supports=("inverted-mask",),
        )
        return
    lengths = _lengths(tokens.values)
    width = tokens.values.shape[1]
    yield from _of_the_loss(subject, tokens, lengths)
    padded, full = (lengths < width - 1) & (lengths >= 3), lengths == width
    forgets = any(isinstance(m, nn.RNNBase | nn.RNNCellBase) for m in subject.model.modules())
    if int(padded.sum()) < 2 or (forgets and not full.any()):
        raise NotApplicableError("no token is padding, or no sample is full")
    with quietly(subject):
        views = _counting(subject, tokens, lengths)
    inside = torch.arange(1, width, device=lengths.device)[None] < lengths[:, None]
    others = inside & full[:, None] if full.any() else ~inside & padded[:, None]
    among = (inside & padded[:, None], others)
    shares = [[float(v[these].float().mean()) for these in among] for v in views]
    turned = [(few, most) for few, most in shares if few < FEW and most > MOST]
    inverted, (in_padded, in_others) = bool(turned), (turned or shares)[0]
    yield Said(
        outcome=Outcome.WRONG if inverted else Outcome.FINE,
        said=f"{number(100 * in_padded)} % of the tokens of padded samples change an output, and "
        f"{number(100 * in_others)} % of {'those of full ones' if full.any() else 'their padding does'}",
        measured=100 * in_padded,
        limit=100 * FEW,
        unit="%",
        supports=("inverted-mask",) if inverted else (),
    )


def _of_the_loss(subject: Subject, tokens: Entries, lengths: Tensor) -> Iterator[Said]:
    """Say where most positions that the loss counts are padding."""
    target = subject.targets(tokens.batch)
    with quietly(subject, gradients=True):
        raw = subject.outputs(tokens.batch)
        point = subject.main(raw).detach().float().requires_grad_()
        at_each = isinstance(target, Tensor) and target.numel() == tokens.values.numel()
        if not at_each or not per_position(point, tokens) or point.ndim != 3:
            return
        loss = subject.loss(subject.with_main(raw, point), tokens.batch)
        [slope] = torch.autograd.grad(loss, [point], materialize_grads=True)
    counts = slope.flatten(2).any(2)
    padding = torch.arange(counts.shape[1], device=counts.device) >= lengths[:, None]
    share = float((counts & padding).sum() / counts.sum().clamp(min=1))
    if share > MOST and target.reshape(counts.shape)[counts & padding].unique().numel() == 1:
        yield Said(
            about="padding-learned",
            outcome=Outcome.WRONG,
            said=f"{number(100 * share)} % of the positions that the loss is computed from are padding, whose target is always "
            "the same: it falls by them, whatever is learned of the others",
            measured=100 * share,
            limit=100 * MOST,
            unit="%",
            supports=("padding-in-loss",),
        )


def _left_to_attention(subject: Subject, tokens: Entries) -> int | None:
    """Return the one token that torch's attention is let look at, where all that differ from it are hidden."""
    masks: list[Tensor] = []
    kinds = (nn.MultiheadAttention, nn.TransformerEncoder, nn.TransformerEncoderLayer)

    def note(_module: nn.Module, inputs: Any, _output: Any) -> None:
        masks.extend(x for x in tensors_in(inputs) if x.shape == tokens.values.shape)

    asked = [m for m in subject.model.modules() if isinstance(m, kinds)]
    with quietly(subject), hooked(asked, note):
        outputs_of(subject, tokens)
    for mask in masks:
        hides = mask if mask.dtype == torch.bool else mask.isneginf()
        kept, hidden = tokens.values[~hides].unique(), tokens.values[hides].unique()
        if len(kept) == 1 and len(hidden) > 2 and not bool((hidden == kept).any()):
            return int(kept)
    return None


def _lengths(values: Tensor) -> Tensor:
    """Return the length of each sample without padding; raises NotApplicableError where there is none."""
    ends = values[:, -1]
    pad = ends.mode().values
    is_pad = values == pad
    lengths = values.shape[1] - is_pad.flip(1).int().cumprod(1).sum(1)
    only_at_the_end = bool((is_pad.sum(1) == values.shape[1] - lengths).all())
    if not only_at_the_end or lengths.unique().numel() < 2:
        raise NotApplicableError("no token stands only at the end of samples")
    return lengths


def _counting(subject: Subject, tokens: Entries, lengths: Tensor) -> list[Tensor]:
    """Return for each sample and position from the second on whether another token there counts.

    For the output, and where that is one for all positions for the last layer that has one at each.
    """
    before, width = seen_at(subject, tokens, tokens.values), tokens.values.shape[1]
    shape = (len(tokens.values), width - 1)
    found = [torch.zeros(shape, dtype=torch.bool, device=lengths.device) for _ in before]
    step = max(1, (width - 1) // 16)
    for position in range(1, width):
        if (position - 1) % step:
            for view in found:
                view[:, position - 1] = view[:, position - 2]
            continue
        other = tokens.values.clone()
        other[:, position] = tokens.values[:, 0]
        for view, then, now in zip(found, before, seen_at(subject, tokens, other), strict=False):
            gap = (now - then).abs()
            if per_position(then, tokens):
                gap[:, position] = 0
                real = torch.arange(width, device=gap.device)[None] < lengths[:, None]
                gap = gap * real.reshape(*real.shape, *[1] * (gap.ndim - 2))
            view[:, position - 1] = gap.flatten(1).amax(1) > CHANGE * max(float(then.std()), 1e-12)
    return found
