"""From the texts on the command line to the objects they name."""

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets import exported, huggingface
from gradcheck_cli.targets.arguments import coerce
from gradcheck_cli.targets.conventions import NAMES, Kind, search, search_model
from gradcheck_cli.targets.files import is_data_file, open_data_file
from gradcheck_cli.targets.importing import Found, check_arguments, find, load_module
from gradcheck_cli.targets.optimizers import belongs_to
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.references import Reference, parse


@dataclass(frozen=True, slots=True)
class Named:
    """The parts by kind, as objects, with the names a person would write, and what was assumed."""

    values: dict[str, Any]
    labels: dict[str, str]
    notes: tuple[str, ...] = ()


def name_parts(
    model: str, data: str | None, loss: str | None, optimizer: str | None, options: Options
) -> Named:
    """Load every part. Raises UsageError where one does not exist, UserCodeError where theirs raises."""
    notes: list[str] = []
    found = find_model(model, options, notes)
    values: dict[str, Any] = {"model": bound(found, options.model_args)}
    labels = {"model": found.label}
    texts: dict[Kind, Any] = {
        "data": data,
        "training_step": options.training_step,
        "loss": loss,
        "optimizer": optimizer,
        "scheduler": options.scheduler,
    }
    for kind, text in texts.items():
        if (text is None and kind == "loss" and values["training_step"] is not None) or (
            text is None and kind == "training_step" and loss is not None
        ):
            values[kind], labels[kind] = None, ""
        elif text is None:
            values[kind], labels[kind] = _found_beside(kind, found, notes)
        else:
            values[kind], labels[kind] = _part(kind, text, options, notes)
    return Named(values, labels, tuple(notes))


def find_model(text: str, options: Options, notes: list[str]) -> Found:
    """Return the model that `text` names: code, a folder of transformers, or a saved model."""
    folder = Path(text).expanduser()
    if text.startswith(huggingface.PREFIX) or (
        folder.is_dir() and huggingface.is_model_folder(folder)
    ):
        build, note = huggingface.factory(text)
    elif exported.is_model_file(text):
        build, note = exported.factory(text, trust=options.trust)
    else:
        return load(text, "model")
    notes.append(note)
    return Found(build, text, None)


def load(text: str, kind: Kind) -> Found:
    """Import what `text` names; a bare file or module is searched for conventional names."""
    reference = _in_hub(parse(text))
    module = load_module(reference)
    path = reference.path
    if path is None:
        path = search_model(module, text) if kind == "model" else search(module, kind)
    if path is None:
        raise UsageError(
            f"{text} has no {kind}: none of {', '.join(NAMES[kind][:5])}; name it: --{kind} {text}:name"
        )
    return find(reference, module, path)


def _in_hub(reference: Reference) -> Reference:
    """A folder with a hubconf.py stands for that file."""
    where = Path(reference.where).expanduser()
    if where.is_dir() and (where / "hubconf.py").is_file():
        return replace(reference, where=str(where / "hubconf.py"))
    return reference


def _part(kind: Kind, text: Any, options: Options, notes: list[str]) -> tuple[Any, str]:
    if not isinstance(text, str):
        return text, kind
    if kind in {"loss", "optimizer"} and text.isidentifier():
        return text, text
    if kind == "data" and is_data_file(text):
        opened = open_data_file(text, options)
        notes.extend(opened.notes)
        return opened.data, text
    found = load(text, kind)
    if kind in {"optimizer", "scheduler"}:
        return _bound_later(found), found.label
    if kind == "loss":
        return _bound_loss(found), found.label
    return bound(found), found.label


def _found_beside(kind: Kind, model: Found, notes: list[str]) -> tuple[Any, str]:
    name = None if model.module is None else search(model.module, kind)
    if name is None:
        return None, ""
    value = getattr(model.module, name)
    if isinstance(value, Optimizer) and not (
        isinstance(model.value, nn.Module) and belongs_to(value, model.value)
    ):
        return None, ""  # built on another model of that file
    where = model.label.partition(":")[0]
    notes.append(f"{kind.replace('_', ' ')} from {where}:{name}, because none was given")
    return value, f"{where}:{name}"


def bound(found: Found, more: Mapping[str, Any] | None = None) -> Any:
    """Return the object, or the call with its arguments, checked against the signature.

    `more` are arguments by name whose texts follow the annotations. Raises UsageError.
    """
    if not found.called and not more:
        return found.value
    if not callable(found.value) or isinstance(found.value, nn.Module):
        raise UsageError(f"{found.label} is {type(found.value).__name__} and takes no arguments")
    kwargs = {**found.kwargs, **coerce(found.value, more or {}, found.label)}
    check_arguments(found.value, found.label, *found.args, **kwargs)
    return functools.partial(found.value, *found.args, **kwargs)


def _bound_later(found: Found) -> Any:
    """A function that still receives the model (or the optimizer) as its first argument."""
    if not found.called:
        if callable(found.value) and not isinstance(found.value, Optimizer):
            check_arguments(found.value, found.label, object())
        return found.value
    check_arguments(found.value, found.label, object(), *found.args, **found.kwargs)
    return lambda first: found.value(first, *found.args, **found.kwargs)


def _bound_loss(found: Found) -> Any:
    """A call makes the loss function, unless only the output and target are missing."""
    if not found.called:
        return found.value
    try:
        inspect.signature(found.value).bind(object(), object(), *found.args, **found.kwargs)
    except (TypeError, ValueError):
        return bound(found)()
    if inspect.isclass(found.value):
        return bound(found)()
    return functools.partial(found.value, *found.args, **found.kwargs)
