"""Which line of the user's code is running."""

import inspect
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gradcheck_cli.probe.sites import calling_place, is_installed

# As ours, the mode stands in no file of the user's.
MODE = """
class Places(TorchFunctionMode):
    places = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.places.append(calling_place())
        return func(*args, **kwargs or {})
"""


def test_calls_of_one_function_at_two_places_are_told_apart() -> None:
    made: dict[str, Any] = {"TorchFunctionMode": TorchFunctionMode, "calling_place": calling_place}
    exec(compile(MODE, "<mode>", "exec"), made)
    x = torch.ones(2)
    with made["Places"]() as seen:
        functional.mse_loss(x, x)
        functional.mse_loss(x, x)
    first, second = seen.places
    assert first[0] is second[0] is test_calls_of_one_function_at_two_places_are_told_apart.__code__
    assert first[1] != second[1]


def test_files_of_torch_are_installed_and_this_one_is_not() -> None:
    assert is_installed(inspect.getfile(nn))
    assert not is_installed(__file__)
