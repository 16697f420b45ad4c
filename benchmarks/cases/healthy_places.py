"""Healthy: attention, mixers, graphs and sets."""

import torch
from torch import nn

from benchmarks.cases import losses
from benchmarks.cases.case import briefly, healthy, on
from benchmarks.cases.networks import attention, sets
from benchmarks.cases.networks.basic import Letters, Pooled, Transformer
from benchmarks.cases.optimizers import adam, adamw, clipped, using, warmed
from benchmarks.cases.sources import digits, photos, tables, texts

CASES = (
    healthy("gnn_on_pixels", on(digits.pixel_rows, sets.Graph, adam(5e-3), steps=200)),
    healthy(
        "causal_transformer",
        on(
            texts.text,
            lambda: Letters(attention.Causal()),
            adam(3e-3),
            steps=200,
            loss=losses.per_letter,
        ),
    ),
    healthy(
        "transformer_pre_norm_6",
        on(digits.rows, lambda: Transformer(6, first=True), adamw(), steps=200),
    ),
    healthy(
        "transformer_post_norm_4_warm_up",
        on(digits.rows, lambda: Transformer(4, first=False), warmed(adamw()), steps=200),
    ),
    healthy(
        "mixer",
        on(digits.rows, lambda: Pooled(nn.Linear(8, 32), attention.Mixer(), 32), adam(3e-3)),
    ),
    healthy(
        "transformer_post_norm_6_no_warm_up",
        on(digits.rows, lambda: Transformer(6, first=False), adamw(5e-4), steps=200),
    ),
    healthy(
        "adafactor_transformer",
        on(
            digits.rows,
            lambda: Transformer(3, first=True),
            using(torch.optim.Adafactor, lr=0.01),
            steps=200,
        ),
    ),
    healthy(
        "perceiver_of_photos",
        on(photos.photos, lambda: attention.Perceiver(3, 256, 2), adamw(2e-3), steps=200),
    ),
    healthy(
        "warm_up_of_200_steps",
        on(
            digits.rows,
            lambda: Transformer(4, first=True),
            warmed(adamw(3e-3), 200),
            steps=250,
        ),
    ),
    healthy("gmlp_of_text", briefly(texts.origins, attention.gated, adam(3e-3))),
    healthy(
        "llama_of_letters",
        briefly(
            texts.text,
            attention.llama(3),
            clipped(warmed(adamw(4e-3), 20), 1.0),
            loss=losses.per_letter,
            batch_size=16,
            steps=150,
        ),
    ),
    healthy("graph_attention_rows", briefly(digits.rows, sets.ring, adam(5e-3))),
    healthy("deep_set_wine", briefly(tables.measured_in_turn, sets.DeepSet, adam(5e-3))),
    healthy("attention_without_softmax", briefly(digits.rows, attention.lists(3), adamw(3e-3))),
    healthy(
        "warmed_transformer_rows",
        briefly(digits.rows, lambda: Transformer(3, first=False), warmed(adamw(2e-3), 40)),
    ),
    healthy(
        "fourier_tokens_names",
        briefly(texts.characters, attention.names(attention.Spectral, 3), adamw(2e-3)),
    ),
    healthy(
        "performer_names",
        briefly(texts.characters, attention.names(attention.Randomly, 3), adamw(3e-3)),
    ),
    healthy(
        "rwkv_letters",
        briefly(
            texts.text,
            attention.letters(attention.Weighted, 2),
            adam(4e-3),
            loss=losses.per_letter,
            batch_size=16,
            steps=120,
        ),
    ),
    healthy(
        "induced_sets_names",
        briefly(texts.characters, attention.names(sets.Induced, 2), adam(2e-3)),
    ),
    healthy(
        "masked_rows_drawn",
        briefly(digits.inked_rows, attention.Hidden, adamw(3e-3), loss=losses.rebuilt, steps=150),
    ),
    healthy(
        "sliding_attention_names",
        briefly(
            texts.characters,
            attention.names(lambda _: attention.Sliding(32), 3),
            adamw(2e-3),
            steps=150,
        ),
    ),
    healthy(
        "points_largest_answer", briefly(digits.digits, lambda: sets.Points(nn.ReLU, 2), adam(3e-3))
    ),
)
