"""Sick: depth without normalization or ways around."""

import torch
from torch import nn

from benchmarks.cases import losses
from benchmarks.cases.case import briefly, caused, on, vanishing
from benchmarks.cases.networks import attention, convolution, recurrence, sets, stacks
from benchmarks.cases.networks.basic import (
    Pooled,
    convolutions,
    mlp,
    of_bags,
    of_tumours,
    of_wine,
    xavier,
)
from benchmarks.cases.optimizers import adam, adamw, sgd, using
from benchmarks.cases.sources import digits, photos, tables, texts

DEPTH_WITHOUT_NORMALIZATION = (
    vanishing(
        "gelu_15_default_sgd",
        on(digits.digits, mlp(nn.GELU, 15), sgd(0.02)),
        model=mlp(nn.GELU, 15, norm=nn.BatchNorm1d),
    ),
    vanishing(
        "gelu_34_xavier_adam",
        on(digits.digits, mlp(nn.GELU, 34, start=xavier), adam(3e-4)),
        model=mlp(nn.GELU, 34, start=xavier, norm=nn.LayerNorm),
    ),
    vanishing(
        "silu_20_xavier_adam",
        on(digits.digits, mlp(nn.SiLU, 20, start=xavier), adam(3e-4)),
        model=mlp(nn.SiLU, 20, start=xavier, norm=nn.LayerNorm),
    ),
    vanishing(
        "softplus_20_default_sgd",
        on(digits.digits, mlp(nn.Softplus, 20), sgd(0.02)),
        model=mlp(nn.Softplus, 20, norm=nn.BatchNorm1d),
    ),
    vanishing(
        "mish_25_default_adam",
        on(digits.digits, mlp(nn.Mish, 25), adam(3e-4)),
        model=mlp(nn.Mish, 25, norm=nn.LayerNorm),
    ),
    vanishing(
        "conv_gelu_20_default",
        on(digits.images, convolutions(nn.GELU, 20), adam()),
        model=convolutions(nn.GELU, 20, norm=nn.BatchNorm2d),
    ),
    vanishing(
        "relu_15_batchnorm_in_eval",
        on(digits.digits, lambda: stacks.Evaluated(15, training=False), sgd(0.02)),
        model=lambda: stacks.Evaluated(15, training=True),
    ),
    vanishing(
        "blocks_12_without_skip",
        on(digits.digits, stacks.two_layer_blocks(branch_only=True), sgd(0.01)),
        model=stacks.two_layer_blocks(branch_only=False),
    ),
    vanishing(
        "transformer_without_skips_8",
        on(digits.rows, attention.attending(8, skips=False), adam(), steps=200),
        model=attention.attending(8, skips=True),
    ),
    vanishing(
        "transformer_without_skips_5_sgd",
        on(digits.rows, attention.attending(5, skips=False), sgd(0.02), steps=200),
        model=attention.attending(5, skips=True),
    ),
    vanishing(
        "graph_12_layers",
        on(digits.pixel_rows, sets.smoothed(12, skips=False), adam(), steps=150),
        model=sets.smoothed(12, skips=True),
    ),
    vanishing(
        "graph_20_layers_sgd",
        on(digits.pixel_rows, sets.smoothed(20, skips=False), sgd(0.01), steps=150),
        model=sets.smoothed(20, skips=True),
    ),
    vanishing(
        "photo_convolutions_silu_16",
        on(photos.photos, convolution.photo_net(nn.SiLU, 16), sgd(0.02), steps=200),
        model=convolution.photo_net(nn.SiLU, 16, norm=True),
    ),
    vanishing(
        "mixer_without_ways_around",
        on(
            digits.rows,
            lambda: Pooled(nn.Linear(8, 24), attention.Mixing(8, around=False), 24),
            adam(),
        ),
        model=lambda: Pooled(nn.Linear(8, 24), attention.Mixing(8, around=True), 24),
    ),
    vanishing(
        "silu_22_wine_rmsprop",
        on(tables.wine, mlp(nn.SiLU, 22, **of_wine), using(torch.optim.RMSprop, lr=1e-4)),
        model=mlp(nn.SiLU, 22, norm=nn.BatchNorm1d, **of_wine),
    ),
    vanishing(
        "tanhshrink_5_adam",
        on(digits.digits, mlp(nn.Tanhshrink, 5), adam()),
        model=mlp(nn.Tanhshrink, 5, norm=nn.LayerNorm),
    ),
    vanishing(
        "wavenet_14_without_ways_around",
        briefly(texts.origins, convolution.wavenet(14, around=False), adam(1e-3)),
        model=convolution.wavenet(14, around=True),
    ),
    vanishing(
        "convnext_10_without_ways_around",
        briefly(
            photos.photos,
            convolution.convnext(10, around=False, norm=False),
            adamw(1e-3),
            steps=120,
        ),
        model=convolution.convnext(10),
    ),
    vanishing(
        "gelu_24_xavier_tumours",
        briefly(
            tables.tumours,
            mlp(nn.GELU, 24, start=xavier, **of_tumours),
            sgd(0.02),
            loss=losses.binary,
        ),
        model=mlp(nn.GELU, 24, start=xavier, norm=nn.LayerNorm, **of_tumours),
        optimizer=adam(1e-3),
    ),
    vanishing(
        "inverted_8_without_ways_around",
        briefly(
            photos.photos, convolution.inverted(8, around=False, norm=False), sgd(0.02), steps=150
        ),
        model=convolution.inverted(8),
    ),
    vanishing(
        "mish_22_xavier_wine",
        briefly(tables.wine, mlp(nn.Mish, 22, start=xavier, **of_wine), sgd(0.02)),
        model=mlp(nn.Mish, 22, start=xavier, norm=nn.LayerNorm, **of_wine),
        optimizer=adam(1e-3),
    ),
    vanishing(
        "hardswish_18_bags",
        briefly(texts.bags, mlp(nn.Hardswish, 18, start=xavier, **of_bags), adam(2e-4)),
        model=mlp(nn.Hardswish, 18, start=xavier, norm=nn.LayerNorm, **of_bags),
    ),
    vanishing(
        "wines_alike_14_layers",
        briefly(tables.wine, lambda: sets.Alike(32, 14, around=False), adam(1e-3), batch_size=89),
        model=lambda: sets.Alike(32, 14, around=True),
    ),
    vanishing(
        "attention_alone_8",
        briefly(
            texts.characters,
            attention.names(lambda width: attention.Only(width, around=False), 8),
            adamw(1e-3),
            batch_size=16,
            steps=150,
        ),
        model=attention.names(lambda width: attention.Only(width, around=True), 8),
    ),
    vanishing(
        "ctc_through_20_silus",
        briefly(
            digits.three_digits,
            lambda: recurrence.Hearing(act=nn.SiLU, layers=20),
            adam(1e-3),
            loss=losses.spelled,
            steps=250,
        ),
        model=recurrence.Hearing,
    ),
    vanishing(
        "sliding_10_without_ways_around",
        briefly(
            texts.characters,
            attention.names(lambda _: attention.Sliding(32, around=False), 10),
            sgd(0.02),
            batch_size=16,
            steps=150,
        ),
        model=attention.names(lambda _: attention.Sliding(32), 10),
    ),
)
CASES = (*caused("depth-without-normalization", DEPTH_WITHOUT_NORMALIZATION),)
