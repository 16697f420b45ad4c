"""Unseen, healthy: written when the judge had been mended with the fresh cases in mind."""

from typing import Any

import torch
from torch import nn

from benchmarks.cases import fresh_sources, losses, networks, optimizers, sources
from benchmarks.cases import unseen_networks as made
from benchmarks.cases import unseen_sources as asked
from benchmarks.cases.case import Problem, healthy
from benchmarks.cases.networks import Letters, Pooled, mlp
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd, using, warmed


def on(source: Any, model: networks.Builder, optimizer: optimizers.Factory, **more: Any) -> Problem:
    """A classifier of some source."""
    more = {"loss": losses.cross_entropy, "steps": 200, **more}
    return Problem(source=source, model=model, optimizer=optimizer, **more)


def gated() -> nn.Module:
    """Return a gMLP over pieces of text."""
    stem = nn.Embedding(96, 24)
    body = nn.Sequential(*(made.SpatialGate(24, fresh_sources.PIECE) for _ in range(3)))
    return Pooled(stem, body, 24, outputs=4)


def llama(layers: int, *, around: bool = True) -> networks.Builder:
    """Return a builder of a small language model in the manner of Llama."""
    return lambda: Letters(
        nn.Sequential(*(made.Llama(32, around=around) for _ in range(layers)), nn.RMSNorm(32))
    )


def mamba() -> nn.Module:
    """Return two selective state space layers over the rows of an image."""
    body = nn.Sequential(made.Selective(24), made.Selective(24))
    return Pooled(nn.Linear(8, 24), body, 24)


def ring() -> nn.Module:
    """Return graph attention over the eight rows of an image."""
    return Pooled(nn.Linear(8, 32), nn.Sequential(*(made.Neighbours(32) for _ in range(2))), 32)


letters: dict[str, Any] = {"loss": losses.per_letter, "batch_size": 16}
mean: dict[str, Any] = {"loss": asked.average}

CASES = (
    healthy("convnext_photos_adamw", on(fresh_sources.photos, made.convnext(4), adamw(3e-3))),
    healthy("gmlp_of_text", on(fresh_sources.origins, gated, adam(3e-3))),
    healthy(
        "kan_bumps_wine",
        on(
            sources.wine,
            lambda: nn.Sequential(made.Bumps(13, 16), made.Bumps(16, 3)),
            adam(5e-3),
        ),
    ),
    healthy(
        "autoregressive_flow_tumours",
        on(asked.whole_tumours, lambda: made.Autoregressive(30), adam(3e-3), **mean),
    ),
    healthy(
        "bernoulli_vae_sgd", on(asked.inked, made.Bernoulli, sgd(0.5, 0.9), loss=asked.evidence)
    ),
    healthy(
        "contrastive_two_views",
        on(asked.alone, made.TwoViews, adamw(2e-3), loss=asked.contrast, batch_size=64),
    ),
    healthy("equilibrium_layer", on(sources.digits, made.Equilibrium, adam(2e-3))),
    healthy(
        "unet_colours",
        on(asked.colours, made.Colours, adam(3e-3), loss=losses.squared, batch_size=16, steps=120),
    ),
    healthy(
        "llama_of_letters",
        on(sources.text, llama(3), clipped(warmed(adamw(4e-3), 20), 1.0), **letters, steps=150),
    ),
    healthy("mamba_rows", on(sources.rows, mamba, adamw(3e-3), batch_size=16, steps=120)),
    healthy("graph_attention_rows", on(sources.rows, ring, adam(5e-3))),
    healthy(
        "distilled_student",
        on(asked.taught, mlp(nn.GELU, 2, width=32), sgd(0.02), loss=asked.distilled),
    ),
    healthy(
        "neural_ode_tumours",
        on(sources.tumours, made.Flowing, adam(5e-3), loss=losses.binary),
    ),
    healthy(
        "logistic_regression_tumours",
        on(sources.tumours, lambda: nn.Linear(30, 1), sgd(0.05, 0.0), loss=losses.binary),
    ),
    healthy(
        "margin_loss_digits",
        on(
            sources.digits,
            mlp(nn.Softplus, 2),
            using(torch.optim.Adamax, lr=5e-3),
            loss=asked.apart,
        ),
    ),
    healthy("deep_set_wine", on(asked.wines_in_turn, made.DeepSet, adam(5e-3))),
    healthy(
        "fourier_features_picture",
        on(fresh_sources.picture, made.fourier(), adam(3e-3), loss=losses.squared, batch_size=128),
    ),
    healthy(
        "tanh_3_full_batch_rprop",
        on(
            sources.wine,
            mlp(nn.Tanh, 3, width=24, inputs=13, outputs=3),
            using(torch.optim.Rprop, lr=1e-3),
            batch_size=178,
        ),
    ),
)
