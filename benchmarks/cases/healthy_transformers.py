"""Healthy: tiny models of the `transformers` library."""

from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset

from benchmarks.cases import losses
from benchmarks.cases.case import Case, briefly, healthy, on
from benchmarks.cases.networks import library
from benchmarks.cases.networks.basic import Logits
from benchmarks.cases.optimizers import adamw, clipped, sgd, warmed
from benchmarks.cases.sources import digits, photos, texts


def case(
    name: str,
    config: str,
    model: str,
    source: Callable[[], Dataset[Any]],
    settings: dict[str, Any],
    rate: float = 2e-3,
) -> Case:
    """A model that computes its loss itself, trained as is usual for it."""
    build, optimizer = library.model_of(config, model, settings), warmed(adamw(rate), 20)
    return healthy(name, on(source, build, optimizer, loss=None, batch_size=16))


def scores(
    name: str, config: str, model: str, source: Callable[[], Dataset[Any]], settings: dict[str, Any]
) -> Case:
    """A model of which only the scores are used, with a loss of ours."""
    inner = library.model_of(config, model, settings)
    return healthy(name, briefly(source, lambda: Logits(inner()), adamw(2e-3), batch_size=16))


def tiny(name: str, config: str, model: str, **settings: Any) -> Case:
    """The same with its settings by name, over text unless told otherwise."""
    source = settings.pop("source", texts.text_records)
    return case(name, config, model, source, settings)


CASES = (
    case("hf_gpt2", "GPT2Config", "GPT2LMHeadModel", texts.text_records, library.GPT2),
    case(
        "hf_llama",
        "LlamaConfig",
        "LlamaForCausalLM",
        texts.text_records,
        {**library.LLAMA, **library.ENDS},
    ),
    case(
        "hf_qwen2",
        "Qwen2Config",
        "Qwen2ForCausalLM",
        texts.text_records,
        {**library.LLAMA, **library.ENDS},
    ),
    case(
        "hf_opt",
        "OPTConfig",
        "OPTForCausalLM",
        texts.text_records,
        {
            **library.SIZE,
            **library.ENDS,
            "ffn_dim": 64,
            "word_embed_proj_dim": 32,
            "max_position_embeddings": 64,
        },
    ),
    case(
        "hf_mixtral",
        "MixtralConfig",
        "MixtralForCausalLM",
        texts.text_records,
        {
            **library.LLAMA,
            **library.ENDS,
            "num_local_experts": 4,
            "experts_implementation": "eager",
        },
    ),
    case("hf_bert_masked", "BertConfig", "BertForMaskedLM", texts.masked_records, library.BERT),
    case(
        "hf_bert_classifier",
        "BertConfig",
        "BertForSequenceClassification",
        texts.author_records,
        {**library.BERT, **library.SHORT},
        3e-3,
    ),
    case(
        "hf_roberta_classifier",
        "RobertaConfig",
        "RobertaForSequenceClassification",
        texts.author_records,
        {**library.BERT, **library.ENDS, "max_position_embeddings": 80, **library.SHORT},
        3e-3,
    ),
    case(
        "hf_distilbert_classifier",
        "DistilBertConfig",
        "DistilBertForSequenceClassification",
        texts.author_records,
        {
            "vocab_size": 96,
            "dim": 32,
            "n_layers": 2,
            "n_heads": 4,
            "hidden_dim": 64,
            "num_labels": 6,
            **library.SHORT,
        },
        3e-3,
    ),
    case(
        "hf_electra_classifier",
        "ElectraConfig",
        "ElectraForSequenceClassification",
        texts.author_records,
        {**library.BERT, "embedding_size": 32, **library.SHORT},
        3e-3,
    ),
    case(
        "hf_t5",
        "T5Config",
        "T5ForConditionalGeneration",
        texts.copy_records,
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
        digits.image_records,
        {**library.VIT, "num_labels": 10, **library.SHORT},
    ),
    scores(
        "hf_deit",
        "DeiTConfig",
        "DeiTForImageClassification",
        digits.images,
        {**library.VIT, "num_labels": 10, **library.SHORT},
    ),
    scores(
        "hf_convnext",
        "ConvNextConfig",
        "ConvNextForImageClassification",
        digits.images,
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
        digits.images,
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
    tiny("hf_gpt_neox", "GPTNeoXConfig", "GPTNeoXForCausalLM", **{**library.LONG, **library.ENDS}),
    tiny(
        "hf_albert_shared_layers",
        "AlbertConfig",
        "AlbertForMaskedLM",
        source=texts.masked_records,
        **{**library.LONG, "embedding_size": 16, "num_hidden_layers": 4},
    ),
    tiny(
        "hf_gemma",
        "GemmaConfig",
        "GemmaForCausalLM",
        **{**library.LONG, **library.ENDS, "num_key_value_heads": 1, "head_dim": 8},
    ),
    tiny(
        "hf_bart",
        "BartConfig",
        "BartForConditionalGeneration",
        source=texts.copy_records,
        vocab_size=96,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
        decoder_start_token_id=0,
        forced_eos_token_id=None,
        **library.ENDS,
    ),
    healthy(
        "swin_photos",
        briefly(
            photos.photos,
            library.hf(
                "Swin",
                "ImageClassification",
                image_size=16,
                patch_size=2,
                embed_dim=16,
                depths=[1, 1],
                num_heads=[2, 4],
                window_size=4,
                num_labels=2,
            ),
            warmed(adamw(3e-3), 20),
            steps=120,
        ),
    ),
    healthy(
        "regnet_photos_nesterov",
        briefly(
            photos.photos,
            library.hf(
                "RegNet",
                "ImageClassification",
                embedding_size=8,
                hidden_sizes=[16, 32],
                depths=[1, 1],
                groups_width=8,
                num_labels=2,
            ),
            sgd(0.05, 0.9, nesterov=True, weight_decay=5e-4),
            steps=100,
        ),
    ),
    healthy(
        "deberta_names",
        briefly(
            texts.characters,
            library.hf(
                "DebertaV2",
                "SequenceClassification",
                **library.SIZE,
                intermediate_size=64,
                num_labels=4,
                relative_attention=True,
                pos_att_type=["p2c", "c2p"],
                initializer_range=0.05,
            ),
            warmed(adamw(2e-3), 20),
            batch_size=16,
            steps=120,
        ),
    ),
    healthy(
        "falcon_letters",
        briefly(
            texts.text,
            library.hf("Falcon", "CausalLM", **library.SIZE, bos_token_id=0, eos_token_id=0),
            adamw(2e-3),
            loss=losses.per_letter,
            batch_size=16,
            steps=120,
        ),
    ),
    healthy(
        "bloom_letters_clipped",
        briefly(
            texts.text,
            library.hf("Bloom", "CausalLM", vocab_size=96, hidden_size=32, n_layer=2, n_head=4),
            clipped(warmed(adamw(4e-3), 30), 1.0),
            loss=losses.per_letter,
            batch_size=16,
            steps=120,
        ),
    ),
)
