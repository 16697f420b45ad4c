"""All modules that are alive are known without a search, however they were made."""

import copy
import gc
import pickle

import pytest
from torch import nn
from torch.nn.modules.module import (
    _global_module_registration_hooks,
    _global_parameter_registration_hooks,
)

from gradcheck_cli.probe.alive import Alive


class ByItself(nn.Linear):
    """Copies itself without the ways that torch knows."""

    def __deepcopy__(self, memo):
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin


def test_what_was_there_and_what_is_built_copied_or_unpickled_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alive, before = Alive(), nn.Linear(2, 2)
    with alive.followed():
        monkeypatch.setattr(gc, "get_objects", lambda: pytest.fail("it searched"))
        built = nn.Sequential(nn.Linear(2, 2))
        copied, unpickled = copy.deepcopy(built), pickle.loads(pickle.dumps(built))
        known = {id(m) for m in alive()}
        for module in (before, *built.modules(), *copied.modules(), *unpickled.modules()):
            assert id(module) in known
        monkeypatch.undo()
        odd = copy.deepcopy(ByItself(2, 2))
        assert any(m is odd for m in alive(odd))


def test_where_torch_was_imported_just_now_nothing_is_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alive = Alive(none_yet=True)
    monkeypatch.setattr(gc, "get_objects", lambda: pytest.fail("it searched"))
    with alive.followed():
        built = nn.Sequential(nn.Linear(2, 2))
        assert {id(m) for m in alive()} == {id(m) for m in built.modules()}


def test_nothing_is_kept_alive_and_nothing_stays() -> None:
    own, alive = nn.Module.__setstate__, Alive()
    with alive.followed():
        net = nn.Linear(2, 2)
        gone = id(net)
        del net
        assert gone not in {id(m) for m in alive()}
    assert nn.Module.__setstate__ is own
    assert not _global_module_registration_hooks
    assert not _global_parameter_registration_hooks
