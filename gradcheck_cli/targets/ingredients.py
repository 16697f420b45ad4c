"""From what was named or handed over to the parts of a target."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.batches import Source
from gradcheck_cli.targets.conventions import NAMES
from gradcheck_cli.targets.data import data_source
from gradcheck_cli.targets.hooks import Manual, takes_optimizers
from gradcheck_cli.targets.lightning_modules import own_data
from gradcheck_cli.targets.models import ModelMaker, model_maker
from gradcheck_cli.targets.naming import Named, name_parts
from gradcheck_cli.targets.optimizers import MakeOptimizer, given_optimizer
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.references import refuse_endless
from gradcheck_cli.targets.weights import Weights, read_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """The parts of a target, recognized."""

    model: ModelMaker
    data: Source
    loss: Any
    loss_name: str
    manual: Manual | None
    make_optimizer: MakeOptimizer | None  # None: it comes with the model, or none was given
    optimizer_comes: bool  # with the model
    optimizer_name: str
    scheduler: Callable[[Any], Any] | None
    weights: Weights | None
    notes: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


def from_texts(
    model: str, data: str | None, loss: str | None, optimizer: str | None, options: Options
) -> Ingredients:
    """Load what was named; what was not is looked for in the model's own file, and that is said.

    Raises UsageError where a name does not exist or does not fit.
    """
    for text in (model, data, loss, optimizer):
        refuse_endless(text or "")
    return recognize(name_parts(model, data, loss, optimizer, options), options)


def from_objects(model: Any, data: Any, loss: Any, optimizer: Any, options: Options) -> Ingredients:
    """Recognize objects. Raises UsageError on what fits no part."""
    if options.model_args:
        model = functools.partial(model, **options.model_args)
    values = {
        "model": model,
        "data": data,
        "loss": loss,
        "optimizer": optimizer,
        "scheduler": options.scheduler,
        "training_step": options.training_step,
    }
    labels = {kind: _name_of(value, kind) for kind, value in values.items()}
    return recognize(Named(values, labels), options)


def recognize(named: Named, options: Options) -> Ingredients:
    """Sort the parts. Raises UsageError on what fits no part."""
    values, labels = named.values, named.labels
    optimizer = values["optimizer"]
    instance = isinstance(optimizer, Optimizer)
    maker = model_maker(values["model"], labels["model"], optimizer if instance else None)
    make_optimizer = None
    if optimizer is not None and not instance:
        make_optimizer = given_optimizer(optimizer, options.lr, labels["optimizer"])
    hook = values["training_step"]
    manual, loss, loss_name = None, values["loss"], labels["loss"]
    if hook is not None and takes_optimizers(hook):
        manual = Manual(hook, labels["training_step"])
    elif hook is not None:
        loss, loss_name = _as_whole(hook), labels["training_step"]
    data = values["data"]
    if data is None:
        data = _data_of_model(maker, labels["model"])
        labels = {**labels, "data": f"train_dataloader of {labels['model']}"}
    return Ingredients(
        model=maker,
        data=data_source(data, options, labels["data"]),
        loss=loss,
        loss_name=loss_name,
        manual=manual,
        make_optimizer=make_optimizer,
        optimizer_comes=instance,
        optimizer_name=type(optimizer).__name__ if instance else labels["optimizer"],
        scheduler=values["scheduler"],
        weights=read_weights(options.weights, trust=options.trust) if options.weights else None,
        notes=named.notes,
        labels=labels,
    )


def _as_whole(hook: Callable[[Any, Any], Any]) -> Callable[[nn.Module, Any], Any]:
    """Make it known, by the name of its first argument, that it takes the model."""

    def training_step(model: nn.Module, batch: Any) -> Any:
        return hook(model, batch)

    return training_step


def _data_of_model(maker: ModelMaker, said: str) -> Callable[[], Any]:
    own = own_data(maker().model)
    if own is None:
        where = said.partition(":")[0]
        raise UsageError(
            f"no data: {where} defines none of {', '.join(NAMES['data'][:5])}; "
            "define one of them there, or name it: --data file.py:name"
        )
    return own


def _name_of(value: Any, kind: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, functools.partial):
        value = value.func
    return getattr(value, "__name__", None) or (
        f"the {kind}" if value is None else type(value).__name__
    )
