"""Where tensors stand in the graph of a backward pass.

Torch refuses to tell it of a view that was made without gradients and written to since
(`weight[:4] *= 0.5` in `no_grad`): no node made such a view.
"""

from typing import Any

from torch import Tensor


def node_of(tensor: Tensor) -> Any:
    """Return the node whose result it is, None where there is none."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def is_leaf(tensor: Tensor) -> bool:
    """Is it the result of no node?"""
    return node_of(tensor) is None
