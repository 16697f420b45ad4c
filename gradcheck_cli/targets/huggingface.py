"""`hf:DIR`: a model of transformers from its config.json, with its weights where they lie beside it."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gradcheck_cli.errors import THEIRS, UsageError, UserCodeError

PREFIX = "hf:"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
NEXT_TOKEN = ("ForCausalLM", "LMHeadModel")


def factory(text: str) -> tuple[Callable[[], nn.Module], str]:
    """Return how to build the model of a folder, and the sentence about it.

    Nothing is downloaded and no code of the folder is run. Raises UsageError where it is no such folder.
    """
    folder = Path(text.removeprefix(PREFIX)).expanduser()
    config = _read_config(folder)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import transformers
    except ModuleNotFoundError:
        raise UsageError(f"{text} needs transformers: pip install transformers") from None
    kind = _class_of(config, folder, transformers)
    saved = any((folder / name).is_file() for name in WEIGHTS)

    def build() -> nn.Module:
        try:
            if saved:
                model = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True)
            else:
                settings = transformers.AutoConfig.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
                model = kind._from_config(settings)  # noqa: SLF001 - the public name is from_config of Auto classes only
        except THEIRS as cause:
            raise UserCodeError(f"building {kind.__name__} from {folder}", cause) from cause
        trained: nn.Module = model.train()
        return trained

    how = (
        "with its weights" if saved else "with fresh weights, because there is no model.safetensors"
    )
    return build, f"{kind.__name__} from {folder}, {how}, in training mode"


def is_model_folder(folder: Path) -> bool:
    """Does it hold a model of transformers?"""
    return (folder / "config.json").is_file()


def _read_config(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    if not file.is_file():
        raise UsageError(f"no model of transformers in {folder}: there is no config.json")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as cause:
        raise UsageError(f"{file} is not JSON: {cause}") from None
    if not isinstance(config, dict):
        raise UsageError(f"{file} is not a mapping")
    return config


def _class_of(config: Mapping[str, Any], folder: Path, transformers: Any) -> Any:
    names = config.get("architectures") or []
    for name in names:
        if isinstance(name, str) and (kind := getattr(transformers, name, None)) is not None:
            return kind
    if "auto_map" in config:
        raise UsageError(
            f"{folder} needs code of its own (auto_map), which is not run; build the model in a "
            "function of yours and name that: file.py:build_model"
        )
    raise UsageError(
        f"{folder}/config.json names no class of transformers {transformers.__version__} in "
        f"'architectures' (it has {names or 'none'}); add one, such as BertForSequenceClassification"
    )


def predicts_next_token(model: nn.Module) -> bool:
    """Is it a causal language model, whose labels are its input tokens?"""
    return any(
        kind.__name__.endswith(NEXT_TOKEN) and kind.__module__.startswith("transformers.")
        for kind in type(model).__mro__
    )
