"""Latest, healthy: published architectures, losses and recipes that the other sets lack."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.cases import fresh_sources, losses, networks, sources
from benchmarks.cases import latest_networks as made
from benchmarks.cases import latest_sources as asked
from benchmarks.cases.case import healthy
from benchmarks.cases.fresh_losses import scheduled
from benchmarks.cases.latest_optimizers import (
    Accumulated,
    Lamb,
    Lookahead,
    averaged,
    cosine,
    private,
)
from benchmarks.cases.networks import Apply, Letters, Logits, Pooled, Skip, mlp, xavier
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd, using, warmed
from benchmarks.cases.unseen_healthy import on

F = fresh_sources
SIZE = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
leaky = nn.LeakyReLU
text: dict[str, Any] = {"loss": losses.per_letter, "batch_size": 16, "steps": 120}
own: dict[str, Any] = {"loss": losses.of_output}


def hf(kind: str, task: str, **settings: Any) -> networks.Builder:
    """Return a builder of a small model of `transformers`, of which the scores are used."""

    def build() -> nn.Module:
        import transformers  # takes seconds

        config = getattr(transformers, f"{kind}Config")(**settings)
        model: nn.Module = getattr(transformers, f"{kind}For{task}")(config)
        return Logits(model.train())

    return build


def letters(block: Any, count: int) -> networks.Builder:
    """Return a builder of blocks over letters, each of which names the next."""
    return lambda: Letters(nn.Sequential(*(block(32) for _ in range(count)), nn.LayerNorm(32)))


def names(block: Any, count: int) -> networks.Builder:
    """Return a builder of blocks over the name of a character."""
    return lambda: Pooled(
        nn.Embedding(96, 32), nn.Sequential(*(block(32) for _ in range(count))), 32, outputs=4
    )


def patient(outputs: int = 1) -> networks.Builder:
    """Return a builder of a small network for ten measurements."""
    return mlp(nn.SiLU, 2, width=32, inputs=10, outputs=outputs)


class Ranked(nn.Module):
    """One network that scores both."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = patient()()

    def forward(self, one: torch.Tensor, two: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inner(one).squeeze(1), self.inner(two).squeeze(1)


def normfree() -> nn.Module:
    """Return residual convolutions without normalisation over a photo."""
    return made.photo_stack(lambda n: made.Unnormalised(16, (1 + 0.04 * n) ** 0.5), 3)()


def pixels() -> nn.Module:
    """Return convolutions that name every pixel from those before it."""
    return nn.Sequential(
        made.Seeing(1, 16, itself=False),
        nn.ReLU(),
        made.Seeing(16, 16, itself=True),
        nn.ReLU(),
        nn.Conv2d(16, 4, 1),
    )


def fixed(blocks: int) -> networks.Builder:
    """Return a builder of residual layers begun by Fixup, with a head begun at zero."""

    def build() -> nn.Module:
        head = nn.Linear(48, 10)
        nn.init.zeros_(head.weight)
        return nn.Sequential(
            nn.Linear(64, 48), *(made.Fixed(48, blocks) for _ in range(blocks)), head
        )

    return build


def squared_error(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error in the network's own precision."""
    return functional.mse_loss(output, target.to(output.dtype))


CASES = (
    healthy(
        "swin_photos",
        on(
            F.photos,
            hf(
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
        on(
            F.photos,
            hf(
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
        "squeezed_bottlenecks_rmsprop",
        on(
            F.photos,
            made.photo_stack(lambda _: made.Squeezed(16), 3),
            using(torch.optim.RMSprop, lr=2e-3, momentum=0.9, alpha=0.9, eps=1e-3),
            steps=100,
        ),
    ),
    healthy("normfree_photos", on(F.photos, normfree, sgd(0.05), steps=100)),
    healthy(
        "shuffled_channels_photos",
        on(F.photos, made.photo_stack(lambda _: made.Shuffled(16), 3), adam(3e-3), steps=100),
    ),
    healthy("vgg_dropout_photos", on(F.photos, made.vgg, sgd(0.02, weight_decay=5e-4), steps=100)),
    healthy(
        "deberta_names",
        on(
            asked.characters,
            hf(
                "DebertaV2",
                "SequenceClassification",
                **SIZE,
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
        on(
            sources.text,
            hf("Falcon", "CausalLM", **SIZE, bos_token_id=0, eos_token_id=0),
            adamw(2e-3),
            **text,
        ),
    ),
    healthy(
        "bloom_letters_clipped",
        on(
            sources.text,
            hf("Bloom", "CausalLM", vocab_size=96, hidden_size=32, n_layer=2, n_head=4),
            clipped(warmed(adamw(4e-3), 30), 1.0),
            **text,
        ),
    ),
    healthy("fourier_tokens_names", on(asked.characters, names(made.Spectral, 3), adamw(2e-3))),
    healthy("performer_names", on(asked.characters, names(made.Randomly, 3), adamw(3e-3))),
    healthy("rwkv_letters", on(sources.text, letters(made.Weighted, 2), adam(4e-3), **text)),
    healthy(
        "state_space_of_pixels",
        on(
            sources.pixel_rows,
            lambda: Pooled(nn.Linear(1, 16), nn.Sequential(made.Spaced(16), made.Spaced(16)), 16),
            adamw(5e-3),
        ),
    ),
    healthy("induced_sets_names", on(asked.characters, names(made.Induced, 2), adam(2e-3))),
    healthy(
        "ctc_three_digits",
        on(asked.three_digits, made.Hearing, adam(1e-2), loss=asked.spelled, steps=250),
    ),
    healthy(
        "translator_reverses_letters",
        on(asked.backwards, made.Translator, clipped(adam(5e-3), 1.0), **{**text, "steps": 200}),
    ),
    healthy(
        "words_adaptive_softmax",
        on(
            asked.words,
            lambda: made.Wordy(asked.WORDS),
            adam(1e-2),
            loss=made.of_words,
            batch_size=16,
            steps=120,
        ),
    ),
    healthy(
        "random_field_tagger",
        on(F.kinds_of_letters, made.Chain, adam(1e-2), loss=made.of_chain, steps=80),
    ),
    healthy(
        "byol_slow_copy",
        on(sources.digits, made.Byol, sgd(0.2, weight_decay=1e-4), **own, batch_size=64),
    ),
    healthy(
        "barlow_twins",
        on(
            sources.digits,
            lambda: made.Decorrelated(mlp(nn.ReLU, 1, outputs=16)()),
            using(Lamb, lr=0.01),
            **own,
            batch_size=64,
        ),
    ),
    healthy(
        "values_by_temporal_difference",
        on(
            asked.counting,
            lambda: made.Valued(mlp(nn.ReLU, 2, outputs=1)()),
            adam(1e-3),
            loss=functional.smooth_l1_loss,
        ),
    ),
    healthy(
        "policy_paid_for_digits",
        on(sources.digits, mlp(nn.Tanh, 2, start=xavier), adam(3e-3), loss=asked.expected),
    ),
    healthy(
        "oscillator_from_its_law",
        on(
            asked.colliding,
            lambda: made.Oscillator(mlp(nn.Tanh, 3, width=32, inputs=1, outputs=1, start=xavier)()),
            adam(3e-3),
            **own,
            batch_size=128,
        ),
    ),
    healthy(
        "hash_tables_picture",
        on(
            asked.coloured_places,
            made.Hashed,
            using(torch.optim.Adam, lr=1e-2, eps=1e-15),
            loss=losses.squared,
            batch_size=256,
        ),
    ),
    healthy("ranked_patients", on(asked.two_patients, Ranked, adam(3e-3), loss=asked.ranked)),
    healthy(
        "mixup_digits_averaged",
        on(
            sources.digits,
            lambda: made.Mixed(mlp(nn.GELU, 2)()),
            averaged(sgd(0.05)),
            loss=asked.mixed,
        ),
    ),
    healthy(
        "factorisation_machine_wine",
        on(F.sorted_wine, lambda: made.Factored(65, 3), using(torch.optim.Adagrad, lr=0.05)),
    ),
    healthy("soft_tree_tumours", on(sources.wine, lambda: made.Tree(13, 3), adam(2e-2))),
    healthy("spatial_transformer_digits", on(sources.images, made.Turned, adam(3e-3))),
    healthy(
        "pixels_named_in_order",
        on(asked.inked_pixels, pixels, adamw(5e-3), loss=asked.of_pixels, steps=120),
    ),
    healthy("orthogonal_recurrence_rows", on(sources.rows, made.Rotating, adam(5e-3), steps=120)),
    healthy("fixup_12_digits", on(sources.digits, fixed(12), sgd(0.05))),
    healthy(
        "masked_rows_drawn",
        on(asked.inked_rows, made.Hidden, adamw(3e-3), loss=asked.rebuilt, steps=150),
    ),
    healthy(
        "deep_kernel_patients",
        on(asked.patients_asked, made.Deep, adam(2e-2), **own, batch_size=64),
    ),
    healthy(
        "gaussian_width_patients",
        on(sources.diabetes, patient(2), adam(5e-3), loss=asked.gaussian),
    ),
    healthy(
        "bfloat16_transformer_names",
        on(
            asked.characters,
            lambda: made.Halved(
                Pooled(
                    nn.Embedding(96, 32),
                    nn.TransformerEncoderLayer(32, 4, 64, 0.1, batch_first=True, norm_first=True),
                    32,
                    outputs=4,
                )
            ),
            adamw(2e-3),
            steps=120,
        ),
    ),
    healthy(
        "float64_tanh_patients",
        on(
            sources.diabetes,
            lambda: made.Double(mlp(nn.Tanh, 2, inputs=10, outputs=1, start=xavier)()),
            sgd(0.01),
            loss=squared_error,
        ),
    ),
    healthy(
        "private_gradients_digits",
        on(sources.digits, mlp(nn.ReLU, 1), private(sgd(0.1, 0.0), 1.0, 0.02), batch_size=128),
    ),
    healthy(
        "accumulated_over_four",
        on(sources.digits, mlp(nn.GELU, 3), using(Accumulated, lr=3e-3), batch_size=8),
    ),
    healthy(
        "lookahead_residual_digits",
        on(
            sources.digits,
            lambda: nn.Sequential(
                nn.Linear(64, 48),
                *(
                    Skip(nn.LayerNorm(48), nn.Linear(48, 48), nn.Mish(), nn.Linear(48, 48))
                    for _ in range(5)
                ),
                nn.Linear(48, 10),
            ),
            using(Lookahead, lr=2e-3),
        ),
    ),
    healthy(
        "rate_falls_to_zero_in_40",
        on(sources.digits, mlp(nn.ReLU, 2), scheduled(adamw(5e-3), cosine(40)), steps=100),
    ),
    healthy(
        "two_slow_units_flowers",
        on(
            F.flowers,
            mlp(nn.Tanh, 1, width=2, inputs=4, outputs=3, start=xavier),
            sgd(0.01, 0.0),
            batch_size=16,
            steps=600,
        ),
    ),
    healthy(
        "adadelta_elu_bags",
        on(F.bags, mlp(nn.ELU, 2, inputs=512, outputs=4), using(torch.optim.Adadelta, lr=1.0)),
    ),
    healthy(
        "faint_inputs_and_faint_loss",
        on(
            sources.digits,
            lambda: nn.Sequential(Apply(lambda v: 1e-3 * v), nn.BatchNorm1d(64), *mlp(leaky, 3)()),
            sgd(500.0),
            loss=losses.times(1e-4),
        ),
    ),
)
