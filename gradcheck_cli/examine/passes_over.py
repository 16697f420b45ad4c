"""Ways of running a model over the fixed batches: modes, dropout off, and what they cost."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import inf, isfinite, sqrt
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gradcheck_cli.examine.snapshot import restored
from gradcheck_cli.examine.subject import Moment, NotApplicableError, Subject
from gradcheck_cli.targets.randomness import seed_everything

# of a layer, in use (Srivastava et al. 2014, JMLR 15): more is asked about first
MOST_DROPPED = 0.5
_DROPOUTS: frozenset[Callable[..., Any]] = frozenset(
    {
        functional.dropout,
        functional.dropout1d,
        functional.dropout2d,
        functional.dropout3d,
        functional.alpha_dropout,
        functional.feature_alpha_dropout,
        torch.dropout,
    }
)


class _NoDropout(TorchFunctionMode):
    """Lets every dropout pass its input on, and notes the largest share that one would have dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped = 0.0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _DROPOUTS:
            given = dict(zip(("p", "training"), args[1:3], strict=False)) | kwargs
            if given.get("training", True):
                self.dropped = max(self.dropped, given.get("p", 0.5))
            return args[0] if args else kwargs["input"]
        if kwargs.get("dropout_p"):
            self.dropped = max(self.dropped, kwargs["dropout_p"])  # of attention
            kwargs["dropout_p"] = 0.0
        return func(*args, **kwargs)


def without_dropout() -> _NoDropout:
    """Return a context in which nothing is dropped, whatever the modes say."""
    return _NoDropout()


def dropped(subject: Subject) -> float:
    """Return the largest share that is dropped somewhere in a training pass."""
    with subject.at("start"), torch.no_grad(), without_dropout() as seen:
        subject.total(subject.batches[0])
    return float(seen.dropped)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode; every module gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def quietly(subject: Subject, *, gradients: bool = False, moment: Moment = "now") -> Iterator[None]:
    """Look at the model, as it is now or was at the start: evaluation mode, no dropout, and no gradients unless they are wanted."""
    with ExitStack() as stack:
        stack.enter_context(subject.at(moment))
        stack.enter_context(evaluating(subject.model))
        stack.enter_context(without_dropout())
        stack.enter_context(torch.set_grad_enabled(gradients))
        yield


@contextmanager
def hooked(modules: Iterable[nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    """Call `hook` after each forward pass of these modules; what is given by keyword comes last among the inputs."""

    def called(module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
        return hook(module, (*args, *kwargs.values()), output)

    handles = [module.register_forward_hook(called, with_kwargs=True) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def drawn_alike(subject: Subject, batch: Any, inputs: Mapping[str, Tensor] | None = None) -> Tensor:
    """Return the main output of `outputs_alike`."""
    return subject.main(outputs_alike(subject, batch, inputs)).float()


def outputs_alike(subject: Subject, batch: Any, inputs: Mapping[str, Tensor] | None = None) -> Any:
    """Return the outputs; a model that draws noise or goes on with each pass does the same each time."""
    with restored([subject.model], []):
        seed_everything(0)
        return subject.outputs(batch, inputs)


def losses(subject: Subject) -> list[float]:
    """Return the loss of each fixed batch, in the modes that the model is in."""
    with torch.no_grad():
        return [float(subject.total(batch)) for batch in subject.batches]


def least_loss(subject: Subject, of: Callable[[], float] | None = None) -> float:
    """Return the mean loss of the fixed batches, or what `of` measures, in the mode that does better."""
    measure = of or (lambda: mean(losses(subject)))
    found = [measure()]
    with evaluating(subject.model):
        found.append(measure())
    return min((x for x in found if isfinite(x)), default=inf)


def paired(better: list[float], than: list[float]) -> tuple[float, float]:
    """Return by how much `better` is smaller on average, and three standard errors of that.

    Raises NotApplicableError where a loss is not finite.
    """
    gaps = [b - a for a, b in zip(better, than, strict=True)]
    if not all(map(isfinite, gaps)):
        raise NotApplicableError("a loss is not a finite number")
    error = stdev(gaps) / sqrt(len(gaps)) if len(gaps) > 1 else 0.0
    return mean(gaps), 3 * error
