"""Sick models on real data, each beside the one part that makes it well.

That part is called `healthy_model`, `healthy_data`, `healthy_loss` or `healthy_optimizer` and is named
in place of the sick one:

    gradcheck diagnose sample_models/deep_sigmoid.py
    gradcheck diagnose sample_models/deep_sigmoid.py:healthy_model
    gradcheck diagnose sample_models/degenerate_data.py --data sample_models/degenerate_data.py:healthy_data
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
SICK = sorted({path.stem for path in FOLDER.glob("*.py")} - {"__init__", "digits"})


def healthy_part(stem: str) -> str:
    """Return which part of a sample has a healthy twin: model, data, loss or optimizer."""
    text = (FOLDER / f"{stem}.py").read_text(encoding="utf-8")
    [part] = re.findall(r"^def healthy_(\w+)\(", text, flags=re.MULTILINE)
    return part


def named(stem: str, *, healthy: bool = False) -> dict[str, str]:
    """Return what to name for a sample or for its healthy twin, by kind, as on the command line."""
    file = str(FOLDER / f"{stem}.py")
    twin = {healthy_part(stem): f"{file}:healthy_{healthy_part(stem)}"} if healthy else {}
    return {"model": file, **twin}
