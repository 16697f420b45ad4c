"""Functions below Python that write to a path, led to the scratch folder as those of Python are."""

import sys
from contextlib import ExitStack
from functools import partial
from typing import Any

from gradcheck_cli.probe.arriving import when_imported
from gradcheck_cli.rerun.overlay import Overlay

OF_TORCH = (
    "torch._C",
    "PyTorchFileWriter",
    0,
)  # where it lies, its name, which argument is the path
OTHERS = (("safetensors.torch", "serialize_file", 1), ("safetensors.numpy", "serialize_file", 1))


def torch_led(overlay: Overlay) -> None:
    """Lead `torch.save` there; torch has been imported."""
    _put(overlay, *OF_TORCH)


def led(overlay: Overlay, stay: ExitStack) -> None:
    """Lead the others there once their modules have been imported."""
    for owner, name, place in OTHERS:
        stay.enter_context(when_imported(owner, partial(_put, overlay, owner, name, place)))


def _put(overlay: Overlay, owner: str, name: str, place: int) -> None:
    module = sys.modules[owner]
    setattr(module, name, _through(getattr(module, name), overlay, place))


def _through(original: Any, overlay: Overlay, place: int) -> Any:
    def writes(*args: Any, **kwargs: Any) -> Any:
        if len(args) > place and isinstance(args[place], str | bytes):
            path = overlay.write(args[place], keep=False)
            args = (*args[:place], path, *args[place + 1 :])
        return original(*args, **kwargs)

    return writes
