"""Keep the weights in float32; compute in half precision through autocast where it pays.

Works because  bfloat16 has 8 significant bits and float16 11: an update below about 1/500 (1/4000)
               of a weight is rounded away, and float16 gradients below 6e-8 become 0.
Costs          Twice the memory for weights; with autocast nearly the same speed.
Not for        Inference.
Sources        Micikevicius et al. 2018, arXiv:1710.03740, section 3.1 (master weights).
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change

HALVES = (torch.bfloat16, torch.float16)


def _widen(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in HALVES else value


def _widen_inputs(_: nn.Module, inputs: tuple[Any, ...]) -> Any:
    return tree_map(_widen, inputs)


def full(model: nn.Module) -> None:
    """Make every weight float32 and let every layer widen what it receives."""
    model.float()
    for module in model.modules():
        if next(module.parameters(recurse=False), None) is not None:
            module.register_forward_pre_hook(_widen_inputs)


@remedy("keep-full-precision", treats=("low-precision",), risk=REVIEW, part="precision")
def keep_full_precision(case: Case) -> Iterator[Draft]:
    """Draft float32 weights where they are narrower, full precision where autocast is on."""
    narrow = sorted({str(p.dtype) for p in case.model.parameters() if p.dtype in HALVES})
    if narrow:
        kinds = ", ".join(narrow)
        yield Draft(
            summary=f"Keep the weights in float32 instead of {kinds}.",
            code=(
                "model = model.float()\n"
                "with torch.autocast(device_type, dtype=torch.bfloat16):\n"
                "    loss = loss_fn(model(inputs), target)"
            ),
            change=Change(summary="float32 weights", model=full),
            size=2,
            edits=tuple(Edit(act=Act.RENAME, old=kind, new="torch.float32") for kind in narrow),
        )
    elif case.training.precision not in {"fp32", "float32"}:
        yield Draft(
            summary=f"Train in float32 instead of {case.training.precision}.",
            code="# without autocast, or with torch.amp.GradScaler for float16",
            change=Change(summary="float32", precision="fp32"),
            size=2,
        )
