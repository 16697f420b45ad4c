"""Model files: torch.export `.pt2`, TorchScript, whole pickles. All of them can run code when loaded."""

import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.checkpoints import check_not_a_bomb, load_plain

SUFFIXES = (".pt2", ".pt", ".pth", ".ts", ".torchscript")
LIMITED = (
    "its layers are not the original classes: only parameters and their gradients can be judged"
)


def is_model_file(text: str) -> bool:
    """Does the text name a file that can only be a saved model?"""
    return text.endswith(SUFFIXES)


def factory(text: str, *, trust: bool) -> tuple[Callable[[], nn.Module], str]:
    """Return how to load the model anew, and the sentence about what it is.

    Raises UsageError on files that hold no model and, without `trust`, on all that could run code.
    """
    path = Path(text).expanduser()
    if not path.is_file():
        raise UsageError(f"no such file: {path}")
    if path.suffix == ".pt2":
        _need_trust(path, "torch.export.load unpickles what is in it", trust=trust)
        return lambda: _exported(path), f"{path} is an exported program; {LIMITED}"
    if _is_torchscript(path):
        _need_trust(path, "TorchScript is code", trust=trust)
        return lambda: _scripted(path), f"{path} is TorchScript; {LIMITED}"
    return _pickled(path, trust=trust), f"{path} is a pickled model"


def _need_trust(path: Path, why: str, *, trust: bool) -> None:
    if not trust:
        raise UsageError(
            f"{path} is not loaded: {why}, so it can run code; use --trust if you made the file yourself"
        )
    check_not_a_bomb(path)


def _exported(path: Path) -> nn.Module:
    try:
        model: nn.Module = torch.export.load(path).module()
    except (RuntimeError, ValueError, KeyError, AssertionError, OSError) as cause:
        raise UsageError(f"{path} cannot be read by torch.export.load: {cause}") from cause
    return model


def _scripted(path: Path) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that TorchScript is on its way out
        model: nn.Module = torch.jit.load(str(path), map_location="cpu")
    return model


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(
            "/code/" in name or name.endswith("constants.pkl") for name in archive.namelist()
        )


def _pickled(path: Path, *, trust: bool) -> Callable[[], nn.Module]:
    loaded = load_plain(path, trust=trust)
    if isinstance(loaded, nn.Module):
        return lambda: _again(path)
    held = (
        f"a dict with {', '.join(map(str, list(loaded)[:4]))}"
        if isinstance(loaded, Mapping)
        else type(loaded).__name__
    )
    raise UsageError(
        f"{path} holds no model but {held}; name the class that builds it and give the file as "
        f"weights: file.py:Model --weights {path}"
    )


def _again(path: Path) -> nn.Module:
    model = load_plain(path, trust=True)
    assert isinstance(model, nn.Module)
    return model
