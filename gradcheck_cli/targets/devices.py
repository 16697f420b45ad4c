"""Where to compute."""

import torch

from gradcheck_cli.errors import UsageError


def choose_device(name: str) -> torch.device:
    """Return the device of this name; `auto` is an accelerator where there is one. Raises UsageError."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"no device {name!r}; use auto, cpu, cuda or mps") from None
    present = {
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    if (device.index or 0) >= present.get(device.type, 1):
        raise UsageError(f"device {name} is not available here; use auto or cpu")
    return device
