"""The run with positive and negative samples exchanged in a loss over triples."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from torch.overrides import TorchFunctionMode

from gradcheck_cli.examine.base import Scene
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.examine.variant import Variant

TRIPLES = frozenset({"triplet_margin_loss", "triplet_margin_with_distance_loss"})
NAMES = ("anchor", "positive", "negative")


class Exchanged(TorchFunctionMode):
    """Hands these losses what is to be far in the place of what is to be near."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if getattr(func, "__name__", "") in TRIPLES:
            named = {**dict(zip(NAMES, args, strict=False)), **given}
            first, near, far = (named.pop(name) for name in NAMES)
            return func(first, far, near, *args[len(NAMES) :], **named)
        return func(*args, **given)


def of_triples(scene: Scene, others: Iterator[Variant]) -> Iterator[Variant]:
    """Yield the other changes; of a loss over triples this one first, as three calls of a network allow no other."""
    if scene.trace.loss.kind not in TRIPLES:
        yield from others
        return
    words = "with positive and negative samples exchanged"
    yield Variant("exchanged-samples", words, ("flipped-loss",), around=Exchanged)
    with suppress(NotApplicableError):
        yield from others
