from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training

DATA = (torch.zeros(8, 3), torch.zeros(8).long())


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def state() -> dict[str, Tensor]:
    return {name: torch.full_like(value, 0.25) for name, value in net().state_dict().items()}


def loaded(weights: str, **options: Any) -> Training:
    return Target.of(model=net, data=DATA, weights=weights, **options).build()


def filled(training: Training) -> bool:
    return all(bool((value == 0.25).all()) for value in training.model.parameters())


def test_a_plain_state_dict() -> None:
    torch.save(state(), "w.pt")
    training = loaded("w.pt")
    assert filled(training)
    assert "weights from w.pt" in training.assumptions


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model."])
def test_prefixes_of_wrappers_are_taken_away(prefix: str) -> None:
    torch.save({prefix + name: value for name, value in state().items()}, "w.pth")
    assert filled(loaded("w.pth"))


def test_a_bundle_is_opened_by_itself_or_by_key() -> None:
    torch.save(
        {"epoch": 3, "state_dict": state(), "ema": state(), "optimizer": {"lr": 1}}, "w.ckpt"
    )
    assert filled(loaded("w.ckpt"))
    assert filled(loaded("w.ckpt:ema"))
    with pytest.raises(UsageError, match="did you mean state_dict"):
        loaded("w.ckpt:state_dic")


def test_safetensors() -> None:
    save_file(state(), "w.safetensors")
    assert filled(loaded("w.safetensors"))


def test_what_is_missing_and_left_over_is_said() -> None:
    changed = state()
    changed["extra.weight"] = changed.pop("1.bias")
    torch.save(changed, "w.pt")
    said = " | ".join(loaded("w.pt").assumptions)
    assert "1 weights are not in it and keep their initial values: 1.bias" in said
    assert "extra.weight" in said


def test_weights_of_another_model_are_refused() -> None:
    torch.save({"a.b": torch.zeros(2)}, "other.pt")
    with pytest.raises(UsageError, match="fits none of the model's parameters"):
        loaded("other.pt")
    torch.save(nn.Sequential(nn.Linear(9, 4), nn.Linear(4, 2)).state_dict(), "wide.pt")
    with pytest.raises(UsageError, match=r"0.weight is \[4, 9\] there and \[4, 3\] here"):
        loaded("wide.pt")


def test_a_pickled_model_is_refused_with_what_it_would_import() -> None:
    torch.save(net(), "whole.pt")
    with pytest.raises(UsageError, match=r"would import torch.nn.modules"):
        loaded("whole.pt")
    assert loaded("whole.pt", trust=True).assumptions[0] == "weights from whole.pt"


def test_no_such_file() -> None:
    with pytest.raises(UsageError, match=r"no such file: w.pt"):
        loaded("w.pt")
