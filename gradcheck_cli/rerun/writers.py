"""Functions below Python that write to a path, led to the scratch folder as those of Python are."""

import sys
from contextlib import ExitStack
from typing import Any

from gradcheck_cli.probe.arriving import when_imported
from gradcheck_cli.rerun.overlay import Overlay

# What is imported, where the function lies, its name, and which argument is the path.
WRITERS = (
    ("torch", "torch._C", "PyTorchFileWriter", 0),
    ("safetensors.torch", "safetensors.torch", "serialize_file", 1),
    ("safetensors.numpy", "safetensors.numpy", "serialize_file", 1),
)


def led(overlay: Overlay, stay: ExitStack) -> None:
    """Lead each of them there once its module has been imported."""
    for imported, owner, name, place in WRITERS:

        def put(owner: str = owner, name: str = name, place: int = place) -> None:
            module = sys.modules[owner]
            setattr(module, name, _through(getattr(module, name), overlay, place))

        stay.enter_context(when_imported(imported, put))


def _through(original: Any, overlay: Overlay, place: int) -> Any:
    def writes(*args: Any, **kwargs: Any) -> Any:
        if len(args) > place and isinstance(args[place], str | bytes):
            path = overlay.write(args[place], keep=False)
            args = (*args[:place], path, *args[place + 1 :])
        return original(*args, **kwargs)

    return writes
