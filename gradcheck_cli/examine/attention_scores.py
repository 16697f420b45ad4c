"""Do scores of attention begin at a usual size?"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from math import isfinite
from statistics import median
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import quietly
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.examine.variant import Variant, share_of
from gradcheck_cli.features.progress import ENOUGH, LITTLE
from gradcheck_cli.ops import KEEP, PRODUCTS, placed
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

USUAL = 1.0  # deviation of scores of unit queries and keys, divided by the root of their width
STEPS = 60
MORE = 3.0  # times as much of the loss is left as with smaller scores
OFF = 1e-2  # of a sum that is 1: above rounding in half precision
# Products that sum over the last dimension of one factor and the last but one of the other.
BINARY = frozenset("matmul __matmul__ bmm mm".split())
HIDDEN = 1e4  # a mask adds or sets less than minus this


class Attentions(TorchFunctionMode):
    """Measure, or divide, what goes into each softmax whose result weighs values."""

    def __init__(self, scales: list[float] | None = None) -> None:
        super().__init__()
        self.scales = scales
        self.deviations: list[float] = []  # of each softmax in a pass
        self.weighing: set[int] = set()  # which of them turned out to weigh values
        self.astray: set[int] = set()  # of these, whose weights of a sum do not add up to 1
        self._results: dict[int, tuple[Tensor, int]] = {}

    def begin(self) -> None:
        """Begin a pass."""
        self.deviations, self._results = [], {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name, (args, kwargs) = getattr(func, "__name__", ""), placed(args, kwargs or {})
        if name != "softmax" or not args or not isinstance(args[0], Tensor) or args[0].ndim < 3:
            self._follow(name, args)
            result = func(*args, **kwargs)
            self._keep(name, args, result)
            return result
        index = len(self.deviations)
        known = args[0].detach().float()
        known = known[known.abs() < HIDDEN]
        self.deviations.append(float(known.std()) if known.numel() > 1 else 0.0)
        scale = self.scales[index] if self.scales and index < len(self.scales) else 1.0
        result = func(args[0] / scale if scale != 1.0 else args[0], *args[1:], **kwargs)
        self._results[id(result)] = result, index
        return result

    def _follow(self, name: str, args: tuple[Any, ...]) -> None:
        """Note which softmaxes are multiplied with something that was computed."""
        if name in PRODUCTS and not any(isinstance(a, nn.Parameter) for a in args):
            for side, a in enumerate(args[:2]):
                if isinstance(a, Tensor) and (entry := self._results.get(id(a))):
                    self.weighing.add(entry[1])
                    if name in BINARY and not _add_up(a.detach(), -1 - side):
                        self.astray.add(entry[1])

    def _keep(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        known = self._results.get(id(args[0])) if args else None
        if known is not None and (name in KEEP or "dropout" in name) and isinstance(result, Tensor):
            self._results[id(result)] = result, known[1]


def _add_up(weights: Tensor, over: int) -> bool:
    """Are most sums of weights 1 over the dimension that a product sums over? Masked rows may be 0.

    Shares in clusters need not be (Ying et al. 2018, arXiv:1806.08804, eq. 3): only squares are asked, and
    weights that are all 1, for their softmax runs over a dimension of length 1.
    """
    square, alone = weights.shape[-1] == weights.shape[-2], bool((weights == 1).all())
    return not (square or alone) or bool((weights.float().sum(over) - 1).abs().median() < OFF)


@experiment(
    "attention-scores",
    "Do scores of attention begin at a usual size?",
    weights_add_up="Do the weights of attention add up to 1?",
)
def attention_scores(scene: Scene) -> Iterator[Said]:
    """Measure the scores of attention that is written by hand, and train with smaller ones where they are large.

    Procedure  at the start, the deviation of what goes into each softmax whose result weighs values, masked
               positions apart. Above 1, the first 60 steps are taken twice: as they are, and with the scores
               divided by that deviation. Of products of a softmax's result: its sums over what is added up.
    Answers    fine: at most 1, or smaller scores learn no faster. Wrong: as they are, three times as much of the
               loss is left after the same steps, and at least 3 % of what can be gained: the factor 1 / sqrt(width) is missing, or queries and keys are large.
               Wrong, too: the weights that a sum is taken with do not add up to 1: the softmax runs over another
               dimension.
    Costs      one forward pass; 120 training steps where scores are large.
    Sources    Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2.1.
    """
    subject = scene.subject
    mode = Attentions()
    with quietly(subject, moment="start"), mode:
        mode.begin()
        subject.outputs(subject.batches[0])
    found = [mode.deviations[i] for i in sorted(mode.weighing) if i < len(mode.deviations)]
    if not found:
        raise NotApplicableError("no attention is written by hand")
    if mode.astray:
        yield Said(
            about="weights-add-up",
            outcome=Outcome.WRONG,
            said="the weights that attention adds values up with do not add up to 1: its softmax runs over another "
            "dimension than the sum does, such as over the queries (scores [..., queries, keys] take dim=-1)",
            supports=("softmax-over-batch",),
        )
    largest = max(found)
    if largest <= USUAL or not isfinite(largest):
        yield Said(
            outcome=Outcome.FINE,
            said=f"their deviation is {number(median(found))}",
            measured=largest,
            limit=USUAL,
        )
        return
    scales = [max(d, 1.0) if i in mode.weighing else 1.0 for i, d in enumerate(mode.deviations)]
    yield _tried(scene, scales, largest)


def _tried(scene: Scene, scales: list[float], largest: float) -> Said:
    reference, batches = scene.reference, list(islice(scene.subject.more(), STEPS))
    scene.afford(2 * len(batches))
    before = share_of(scene.subject, Variant(), batches, reference)
    after = share_of(scene.subject, Variant(around=_divided(scene, scales)), batches, reference)
    left, least = 1 - before, 1 - after
    better = after >= ENOUGH and left - least >= LITTLE and left >= MORE * least
    return Said(
        outcome=Outcome.WRONG if better else Outcome.FINE,
        said=f"the scores begin with a deviation of {number(largest)}; with a deviation of 1, {STEPS} steps gain "
        f"{number(100 * after)} % of what can be gained, and {number(100 * before)} % as they are",
        measured=largest,
        limit=USUAL,
        supports=("attention-scale",) if better else (),
    )


def _divided(scene: Scene, scales: list[float]) -> Callable[[], AbstractContextManager[None]]:
    """Return how to train with scores divided by these; each pass begins when the model is called."""

    @contextmanager
    def around() -> Iterator[None]:
        mode = Attentions(scales)
        handle = scene.subject.model.register_forward_pre_hook(lambda *_: mode.begin())
        try:
            with mode:
                yield
        finally:
            handle.remove()

    return around
