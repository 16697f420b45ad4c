"""Fresh, healthy: modern networks, losses and optimizers of kinds that the bank does not have."""

from typing import Any

import torch
from torch import nn

from benchmarks.cases import fresh_losses, fresh_sources, losses, networks, optimizers, sources
from benchmarks.cases import fresh_networks as made
from benchmarks.cases.case import Problem, healthy
from benchmarks.cases.healthy_transformers import made as of_library
from benchmarks.cases.networks import Apply, Pooled, Skip, Transformer, he, mlp
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd, using, warmed


def on(source: Any, model: networks.Builder, optimizer: optimizers.Factory, **more: Any) -> Problem:
    """A classifier of some source."""
    more = {"loss": losses.cross_entropy, **more}
    return Problem(source=source, model=model, optimizer=optimizer, **more)


def library(name: str, config: str, model: str, **settings: Any) -> Any:
    """A tiny model of `transformers` that computes its loss itself."""
    source = settings.pop("source", sources.text_records)
    build = of_library(config, model, settings)
    recipe = Problem(
        model=build, source=source, optimizer=warmed(adamw(2e-3), 20), batch_size=16, steps=300
    )
    return healthy(name, recipe)


SIZE = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
LONG = {**SIZE, "intermediate_size": 64, "max_position_embeddings": 64}
ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
F = fresh_sources
of_photos: dict[str, Any] = {"steps": 200}
alone: dict[str, Any] = {"loss": losses.of_output}
letters: dict[str, Any] = {"loss": losses.per_letter}
table = {"inputs": 10, "outputs": 1}


def grouped() -> nn.Module:
    """Return convolutions with group normalisation, for batches of three."""
    first = (nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(16, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(), nn.Flatten())
    return nn.Sequential(*first, *second, nn.Linear(256, 10))


def bag() -> nn.Module:
    """Return a mean of hashed embeddings and a head."""
    return nn.Sequential(nn.EmbeddingBag(F.WORDS, 32, mode="mean"), nn.Linear(32, 4))


def normed_input() -> nn.Module:
    """Return a regression that normalises what it is given."""
    return nn.Sequential(nn.BatchNorm1d(10), *mlp(nn.SiLU, 2, **table)())


CASES = (
    healthy("muon_mlp", on(sources.digits, mlp(nn.GELU, 3), using(fresh_losses.Muon, lr=0.02))),
    healthy(
        "nadam_squeeze_excite",
        on(F.photos, made.excited, using(torch.optim.NAdam, lr=3e-3), **of_photos),
    ),
    healthy(
        "adafactor_transformer",
        on(
            sources.rows,
            lambda: Transformer(3, first=True),
            using(torch.optim.Adafactor, lr=0.01),
            steps=200,
        ),
    ),
    healthy("radam_mish", on(sources.digits, mlp(nn.Mish, 4), using(torch.optim.RAdam, lr=5e-3))),
    healthy("autocast_convnet", on(F.photos, made.Autocast, adam(2e-3), **of_photos)),
    healthy(
        "checkpointed_residual", on(sources.digits, lambda: made.Rematerialised(6), adamw(2e-3))
    ),
    healthy("spectral_norm_critic", on(sources.digits, made.spectral, adam(3e-3))),
    healthy(
        "weight_norm_dilated_convolutions", on(sources.text, made.temporal, adam(4e-3), **letters)
    ),
    healthy("capsules", on(sources.images, made.Capsules, adam(5e-3), steps=200)),
    healthy("hypernetwork", on(sources.digits, made.Hyper, adam(2e-3))),
    healthy(
        "mixture_density",
        on(sources.diabetes, made.Mixture, adam(3e-3), loss=fresh_losses.mixed),
    ),
    healthy("normalising_flow", on(sources.wine, made.Flow, adam(2e-3), **alone)),
    healthy(
        "perceiver_of_photos",
        on(F.photos, lambda: made.Perceiver(3, 256, 2), adamw(2e-3), **of_photos),
    ),
    healthy(
        "mobile_depthwise",
        on(F.photos, made.separable, sgd(0.05, nesterov=True), **of_photos),
    ),
    healthy(
        "transposed_convolution_decoder",
        on(F.rebuilt, made.upsampler, adam(3e-3), loss=losses.squared),
    ),
    healthy("triplet_embedder", on(F.triplets, made.Embedder, adam(), loss=fresh_losses.triplet)),
    healthy(
        "deep_supervision",
        on(sources.digits, made.Supervised, sgd(0.02), loss=fresh_losses.every_floor),
    ),
    healthy(
        "label_smoothing",
        on(sources.digits, mlp(nn.SiLU, 3), adam(2e-3), loss=fresh_losses.smoothed),
    ),
    healthy(
        "focal_loss_tumours",
        on(
            sources.tumours,
            mlp(nn.ReLU, 2, inputs=30, outputs=1),
            adam(2e-3),
            loss=fresh_losses.focal,
        ),
    ),
    healthy(
        "class_weights_flowers",
        on(
            F.flowers,
            mlp(nn.Tanh, 2, inputs=4, outputs=3, width=24),
            adam(5e-3),
            loss=fresh_losses.weighted,
        ),
    ),
    healthy(
        "tagger_ignored_places",
        on(F.kinds_of_letters, made.Tagger, adam(5e-3), loss=fresh_losses.asked_only, steps=200),
    ),
    healthy(
        "quantile_regression",
        on(
            sources.diabetes,
            mlp(nn.ReLU, 2, inputs=10, outputs=3),
            adam(2e-3),
            loss=fresh_losses.quantiles,
        ),
    ),
    healthy(
        "huber_raw_progress", on(F.progress, normed_input, adam(0.02), loss=fresh_losses.huber)
    ),
    healthy(
        "poisson_ink_counts",
        on(
            F.ink_counts,
            mlp(nn.ReLU, 2, inputs=32, outputs=1),
            adam(3e-3),
            loss=fresh_losses.counts,
        ),
    ),
    healthy(
        "group_norm_batch_of_three",
        on(sources.images, grouped, using(torch.optim.RMSprop, lr=5e-4), batch_size=3),
    ),
    healthy("batch_of_1024", on(sources.digits, mlp(nn.ReLU, 3), sgd(0.2), batch_size=1024)),
    healthy(
        "fine_tuning_rate_1e-5",
        on(sources.digits, made.practised(mlp(nn.ReLU, 3), 200), adam(1e-5)),
    ),
    healthy(
        "fine_tuning_half_trained_sgd",
        on(sources.digits, made.practised(mlp(nn.GELU, 3), 12), sgd(0.005)),
    ),
    healthy(
        "warm_restarts",
        on(
            sources.digits,
            mlp(nn.ReLU, 3),
            fresh_losses.scheduled(sgd(0.1), fresh_losses.restarts(20)),
        ),
    ),
    healthy(
        "one_cycle",
        on(
            sources.digits,
            mlp(nn.ReLU, 4),
            fresh_losses.scheduled(sgd(0.1), fresh_losses.cycle(300)),
        ),
    ),
    healthy("one_hot_letters", on(F.following, mlp(nn.ReLU, 2, inputs=768, outputs=96), adam())),
    healthy("one_hot_wine", on(F.sorted_wine, mlp(nn.ReLU, 2, inputs=65, outputs=3), adam(2e-3))),
    healthy("sparse_bags", on(F.bags, mlp(nn.ReLU, 2, inputs=512, outputs=4), adam(2e-3))),
    healthy("hashing_embeddings", on(F.hashed, bag, adam(0.02))),
    healthy(
        "warm_up_of_200_steps",
        on(
            sources.rows,
            lambda: Transformer(4, first=True),
            warmed(adamw(3e-3), 200),
            steps=250,
        ),
    ),
    healthy("bare_parameters", on(sources.digits, made.Bare, adam())),
    healthy("functional_convolutions_reversed", on(F.photos, made.Upside, adam(2e-3), **of_photos)),
    healthy("sine_picture", on(F.picture, made.picture, adam(1e-3), loss=losses.squared)),
    healthy(
        "vector_quantised",
        on(sources.copies, made.Quantised, adam(3e-3), loss=fresh_losses.quantised),
    ),
    healthy("skip_grams", on(F.neighbours, made.SkipGrams, adam(0.02), loss=losses.binary)),
    healthy("neural_differential_equation", on(sources.digits, made.Euler, adam(3e-3))),
    healthy("radial_kernels", on(sources.digits, made.Kernels, adam(5e-3))),
    healthy(
        "elman_tied_clipped_sgd",
        on(sources.text, made.TiedReader, clipped(sgd(1.0, 0), 0.25), **letters),
    ),
    healthy(
        "stochastic_weight_dropout",
        on(
            sources.digits,
            lambda: nn.Sequential(
                *(Skip(nn.Linear(64, 64), nn.GELU(), nn.Dropout(0.3)) for _ in range(5)),
                nn.Linear(64, 10),
            ),
            adamw(2e-3),
        ),
    ),
    healthy(
        "gated_text_convolutions",
        on(
            F.origins,
            lambda: nn.Sequential(
                nn.Embedding(96, 24),
                Apply(lambda value: value.mT),
                *(nn.Conv1d(24, 48, 5, padding=2), nn.GLU(dim=1)),
                *(nn.Conv1d(24, 48, 5, padding=2), nn.GLU(dim=1)),
                nn.AdaptiveAvgPool1d(1),
                nn.Flatten(),
                nn.Linear(24, 4),
            ),
            adam(5e-3),
        ),
    ),
    healthy(
        "gru_of_measurements",
        on(
            F.measured_in_turn,
            lambda: Pooled(nn.Linear(1, 16), nn.GRU(16, 32, batch_first=True), 32, 3),
            adam(5e-3),
            steps=200,
        ),
    ),
    healthy(
        "relu_4_he_asgd",
        on(sources.digits, mlp(nn.ReLU, 4, start=he), using(torch.optim.ASGD, lr=0.05)),
    ),
    healthy(
        "accelerated_rprop_full_batch",
        on(
            sources.wine,
            mlp(nn.Tanh, 2, inputs=13, outputs=3),
            using(torch.optim.Rprop, lr=1e-3),
            batch_size=178,
            steps=150,
        ),
    ),
    library("hf_gpt_neox", "GPTNeoXConfig", "GPTNeoXForCausalLM", **{**LONG, **ENDS}),
    library(
        "hf_albert_shared_layers",
        "AlbertConfig",
        "AlbertForMaskedLM",
        source=sources.masked_records,
        **{**LONG, "embedding_size": 16, "num_hidden_layers": 4},
    ),
    library(
        "hf_gemma",
        "GemmaConfig",
        "GemmaForCausalLM",
        **{**LONG, **ENDS, "num_key_value_heads": 1, "head_dim": 8},
    ),
    library(
        "hf_bart",
        "BartConfig",
        "BartForConditionalGeneration",
        source=sources.copy_records,
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
        **ENDS,
    ),
)
