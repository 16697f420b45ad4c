"""Tiny models of the `transformers` library."""

from collections.abc import Callable
from typing import Any

from torch import nn

from benchmarks.cases.networks.basic import Builder, Logits

SIZE = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


SHORT = {"initializer_range": 0.1}  # tiny widths want larger weights than the library's 0.02


ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}


BERT = {**SIZE, "intermediate_size": 64, "max_position_embeddings": 64, "num_labels": 6}


LLAMA = {**SIZE, "intermediate_size": 64, "num_key_value_heads": 2, "max_position_embeddings": 64}


VIT = {**SIZE, "intermediate_size": 64, "image_size": 8, "patch_size": 2, "num_channels": 1}


def model_of(config: str, model: str, settings: dict[str, Any]) -> Callable[[], nn.Module]:
    """Return a builder of a model of the library from its configuration."""

    def build() -> nn.Module:
        import transformers  # takes seconds

        transformers.logging.set_verbosity_error()
        built: nn.Module = getattr(transformers, model)(getattr(transformers, config)(**settings))
        return built.train()

    return build


GPT2 = {"vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, **ENDS}


LONG = {**SIZE, "intermediate_size": 64, "max_position_embeddings": 64}


def hf(kind: str, task: str, **settings: Any) -> Builder:
    """Return a builder of a small model of `transformers`, of which the scores are used."""

    def build() -> nn.Module:
        import transformers  # takes seconds

        config = getattr(transformers, f"{kind}Config")(**settings)
        model: nn.Module = getattr(transformers, f"{kind}For{task}")(config)
        return Logits(model.train())

    return build
