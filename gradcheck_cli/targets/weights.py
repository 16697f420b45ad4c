"""`--weights FILE[:key]`: put saved parameters into a freshly built model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.checkpoints import load_plain
from gradcheck_cli.targets.importing import nearest

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
BUNDLES = ("state_dict", "model_state_dict", "model_state", "model", "net", "weights", "params")


@dataclass(frozen=True, slots=True)
class Weights:
    """Saved parameters by name, as `file` holds them."""

    file: str
    tensors: dict[str, Tensor]

    def load_into(self, model: nn.Module) -> list[str]:
        """Fill the model and say in sentences what was missing or left over.

        Raises UsageError where no name fits or a shape differs.
        """
        own = model.state_dict()
        tensors, note = _aligned(self.tensors, set(own))
        missing = [name for name in own if name not in tensors]
        unexpected = [name for name in tensors if name not in own]
        if len(missing) == len(own):
            raise UsageError(
                f"{self.file} fits none of the model's parameters: it has {_some(list(tensors))}, "
                f"the model {_some(list(own))}"
            )
        wrong = [
            f"{name} is {list(tensors[name].shape)} there and {list(own[name].shape)} here"
            for name in own
            if name in tensors and tensors[name].shape != own[name].shape
        ]
        if wrong:
            raise UsageError(f"{self.file} is of another model: {'; '.join(wrong[:3])}")
        model.load_state_dict(tensors, strict=False)
        notes = [f"weights from {self.file}{note}"]
        if missing:
            notes.append(
                f"{len(missing)} weights are not in it and keep their initial values: {_some(missing)}"
            )
        if unexpected:
            notes.append(
                f"{len(unexpected)} weights of {self.file} are not in the model: {_some(unexpected)}"
            )
        return notes


def read_weights(text: str, *, trust: bool = False) -> Weights:
    """Read `FILE` or `FILE:key`. Raises UsageError, with what the file holds instead."""
    path, key = _split(text)
    if path.suffix == ".safetensors":
        return Weights(str(path), _named(_read_safetensors(path), key, path))
    return Weights(str(path), _named(load_plain(path, trust=trust), key, path))


def _split(text: str) -> tuple[Path, str | None]:
    whole = Path(text).expanduser()
    if whole.is_file():
        return whole, None
    file, colon, key = text.rpartition(":")
    if colon and file.endswith(SUFFIXES):
        return Path(file).expanduser(), key
    return whole, None


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from gradcheck_cli.targets.safetensors_files import read_all

    return read_all(path)


def _named(content: Any, key: str | None, path: Path) -> dict[str, Tensor]:
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if key is not None:
        for part in key.split("."):
            content = _entry(content, part, path)
    elif isinstance(content, Mapping) and not _is_state(content):
        for bundle in BUNDLES:
            if _is_state(content.get(bundle)):
                content = content[bundle]
                break
    if not _is_state(content):
        held = (
            ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        )
        raise UsageError(f"{path} holds no state_dict but {held}; name its place: {path}:KEY")
    return {str(name): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}


def _entry(content: Any, key: str, path: Path) -> Any:
    if not isinstance(content, Mapping) or key not in content:
        names = list(map(str, content)) if isinstance(content, Mapping) else []
        near = nearest(key, names)
        hint = (
            f"did you mean {near}?" if near else f"it has {_some(names) or type(content).__name__}"
        )
        raise UsageError(f"{path} has no key {key!r}; {hint}")
    return content[key]


def _is_state(content: Any) -> bool:
    """Names to tensors; `_metadata` and counters beside them do no harm."""
    return (
        isinstance(content, Mapping)
        and any(isinstance(value, Tensor) for value in content.values())
        and all(isinstance(value, Tensor | int | float) for value in content.values())
    )


def _aligned(tensors: dict[str, Tensor], own: set[str]) -> tuple[dict[str, Tensor], str]:
    """Return the tensors under the names, of those that wrappers leave, that fit the model best."""
    candidates = [(tensors, "")]
    unwrapped = {_unwrapped(name): tensor for name, tensor in tensors.items()}
    candidates.append((unwrapped, " (names without the prefix of a wrapper)"))
    for prefix in sorted({name.partition(".")[0] for name in unwrapped}):
        stripped = {
            name.removeprefix(f"{prefix}."): tensor
            for name, tensor in unwrapped.items()
            if name.startswith(f"{prefix}.")
        }
        candidates.append((stripped, f" (those below {prefix!r}, without that prefix)"))
    return max(candidates, key=lambda candidate: len(own & candidate[0].keys()))


def _unwrapped(name: str) -> str:
    return ".".join(part for part in name.removeprefix("module.").split(".") if part != "_orig_mod")


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
