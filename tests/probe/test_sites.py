"""Which line of the user's code is running."""

import inspect
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gradcheck_cli.probe.sites import calling_place, is_installed


class Places(TorchFunctionMode):
    """Note from where each function of torch is called."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Any] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.places.append(calling_place())
        return func(*args, **kwargs or {})


def test_calls_of_one_function_at_two_places_are_told_apart() -> None:
    x = torch.ones(2)
    with Places() as seen:
        functional.mse_loss(x, x)
        functional.mse_loss(x, x)
    first, second = dict.fromkeys(place for place in seen.places if place is not None)
    assert first[0] is second[0] is inspect.currentframe().f_code  # type: ignore[union-attr]
    assert first[1] != second[1]


def test_files_of_torch_are_installed_and_this_one_is_not() -> None:
    assert is_installed(inspect.getfile(nn))
    assert not is_installed(__file__)
