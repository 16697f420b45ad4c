"""Healthy: tiny models of the `transformers` library with their own initialisation."""

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from benchmarks.cases import losses, sources
from benchmarks.cases.case import Case, Problem, healthy
from benchmarks.cases.networks import Logits
from benchmarks.cases.optimizers import adamw, warmed

SIZE = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
BERT = {**SIZE, "intermediate_size": 64, "max_position_embeddings": 64, "num_labels": 6}
LLAMA = {**SIZE, "intermediate_size": 64, "num_key_value_heads": 2, "max_position_embeddings": 64}
SHORT = {"initializer_range": 0.1}  # tiny widths want larger weights than the library's 0.02
VIT = {**SIZE, "intermediate_size": 64, "image_size": 8, "patch_size": 2, "num_channels": 1}
ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}


def made(config: str, model: str, settings: dict[str, Any]) -> Callable[[], nn.Module]:
    """Return a builder of a model of the library from its configuration."""

    def build() -> nn.Module:
        import transformers  # takes seconds

        transformers.logging.set_verbosity_error()
        built: nn.Module = getattr(transformers, model)(getattr(transformers, config)(**settings))
        return built.train()

    return build


def case(
    name: str,
    config: str,
    model: str,
    source: Callable[[], Dataset[Any]],
    settings: dict[str, Any],
    rate: float = 2e-3,
) -> Case:
    """A model that computes its loss itself, trained as is usual for it."""
    recipe = Problem(
        model=made(config, model, settings),
        source=source,
        optimizer=warmed(adamw(rate), 20),
        batch_size=16,
        steps=300,
    )
    return healthy(name, recipe)


def scores(
    name: str, config: str, model: str, source: Callable[[], Dataset[Any]], settings: dict[str, Any]
) -> Case:
    """A model of which only the scores are used, with a loss of ours."""
    inner = made(config, model, settings)
    recipe = Problem(
        model=lambda: Logits(inner()),
        source=source,
        optimizer=adamw(2e-3),
        loss=losses.cross_entropy,
        batch_size=16,
        steps=200,
    )
    return healthy(name, recipe)


text, authors = sources.text_records, sources.author_records
GPT2 = {"vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, **ENDS}

CASES = (
    case("hf_gpt2", "GPT2Config", "GPT2LMHeadModel", text, GPT2),
    case("hf_llama", "LlamaConfig", "LlamaForCausalLM", text, {**LLAMA, **ENDS}),
    case("hf_qwen2", "Qwen2Config", "Qwen2ForCausalLM", text, {**LLAMA, **ENDS}),
    case(
        "hf_opt",
        "OPTConfig",
        "OPTForCausalLM",
        text,
        {**SIZE, **ENDS, "ffn_dim": 64, "word_embed_proj_dim": 32, "max_position_embeddings": 64},
    ),
    case(
        "hf_mixtral",
        "MixtralConfig",
        "MixtralForCausalLM",
        text,
        {**LLAMA, **ENDS, "num_local_experts": 4, "experts_implementation": "eager"},
    ),
    case("hf_bert_masked", "BertConfig", "BertForMaskedLM", sources.masked_records, BERT),
    case(
        "hf_bert_classifier",
        "BertConfig",
        "BertForSequenceClassification",
        authors,
        {**BERT, **SHORT},
        3e-3,
    ),
    case(
        "hf_roberta_classifier",
        "RobertaConfig",
        "RobertaForSequenceClassification",
        authors,
        {**BERT, **ENDS, "max_position_embeddings": 80, **SHORT},
        3e-3,
    ),
    case(
        "hf_distilbert_classifier",
        "DistilBertConfig",
        "DistilBertForSequenceClassification",
        authors,
        {
            "vocab_size": 96,
            "dim": 32,
            "n_layers": 2,
            "n_heads": 4,
            "hidden_dim": 64,
            "num_labels": 6,
            **SHORT,
        },
        3e-3,
    ),
    case(
        "hf_electra_classifier",
        "ElectraConfig",
        "ElectraForSequenceClassification",
        authors,
        {**BERT, "embedding_size": 32, **SHORT},
        3e-3,
    ),
    case(
        "hf_t5",
        "T5Config",
        "T5ForConditionalGeneration",
        sources.copy_records,
        {
            "vocab_size": 96,
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 4,
            "decoder_start_token_id": 0,
        },
    ),
    case(
        "hf_vit",
        "ViTConfig",
        "ViTForImageClassification",
        sources.image_records,
        {**VIT, "num_labels": 10, **SHORT},
    ),
    scores(
        "hf_deit",
        "DeiTConfig",
        "DeiTForImageClassification",
        sources.images,
        {**VIT, "num_labels": 10, **SHORT},
    ),
    scores(
        "hf_convnext",
        "ConvNextConfig",
        "ConvNextForImageClassification",
        sources.images,
        {
            "num_channels": 1,
            "patch_size": 2,
            "num_stages": 2,
            "hidden_sizes": [16, 32],
            "depths": [1, 1],
            "num_labels": 10,
            "image_size": 8,
        },
    ),
    scores(
        "hf_resnet",
        "ResNetConfig",
        "ResNetForImageClassification",
        sources.images,
        {
            "num_channels": 1,
            "embedding_size": 8,
            "hidden_sizes": [8, 16],
            "depths": [1, 1],
            "layer_type": "basic",
            "num_labels": 10,
            "downsample_in_first_stage": False,
        },
    ),
)
