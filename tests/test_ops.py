"""What is known of torch's functions by their names."""

from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gradcheck_cli.ops import placed


class Placing(TorchFunctionMode):
    """Calls every function with its operands by position."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = placed(args, kwargs or {})
        return func(*args, **kwargs)


CALLS = {
    "pad": lambda x: functional.pad(x, (0, 1), value=-100),
    "pad of a mode": lambda x: functional.pad(x, (1, 1), mode="reflect"),
    "masked fill": lambda x: x.masked_fill(x > 0, value=3.0),
    "matmul": lambda x: torch.matmul(input=x, other=x),
    "attention": lambda x: functional.scaled_dot_product_attention(query=x, key=x, value=x),
    "softmax": lambda x: torch.softmax(input=x, dim=-1),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_with_its_operands_by_position_is_the_same_call(name: str) -> None:
    x = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))
    with Placing():
        found = CALLS[name](x)
    assert torch.equal(found, CALLS[name](x))
