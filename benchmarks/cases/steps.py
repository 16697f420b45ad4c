"""Sick: learning rates, decay, clipping and precision that make steps too large or too small."""

import torch
from torch import nn

from benchmarks.cases import losses
from benchmarks.cases.case import briefly, caused, on, other, vanishing
from benchmarks.cases.networks import (
    attention,
    codes,
    convolution,
    library,
    recurrence,
    stacks,
    wiring,
)
from benchmarks.cases.networks.basic import (
    Pooled,
    Precise,
    convolutions,
    he,
    mlp,
    normal,
    of_bags,
    of_irises,
    of_irises_32,
    of_patients,
    of_tumours,
    of_wine,
    xavier,
)
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd, using
from benchmarks.cases.sources import digits, photos, tables, texts

WEIGHT_DECAY_TOO_STRONG = (
    vanishing(
        "relu_6_weight_decay_1",
        on(digits.digits, mlp(nn.ReLU, 6, start=he), sgd(0.1, 0, weight_decay=1.0)),
        optimizer=sgd(0.1, 0, weight_decay=1e-4),
    ),
    vanishing(
        "tanh_8_weight_decay_half",
        on(digits.digits, mlp(nn.Tanh, 8, start=xavier), sgd(0.1, 0, weight_decay=0.5)),
        optimizer=sgd(0.1, 0, weight_decay=1e-4),
    ),
    vanishing(
        "adamw_decay_50",
        on(digits.digits, mlp(nn.ReLU, 8, start=he), adamw(1e-3, weight_decay=50.0)),
        optimizer=adamw(1e-3),
    ),
    vanishing(
        "conv_5_weight_decay_1",
        on(digits.images, convolutions(nn.ReLU, 5, start=he), sgd(0.1, 0, weight_decay=1.0)),
        optimizer=sgd(0.1, 0, weight_decay=1e-4),
    ),
    vanishing(
        "relu_5_weight_decay_half_tumours",
        on(
            tables.tumours,
            mlp(nn.ReLU, 5, start=he, **of_tumours),
            sgd(0.1, 0, weight_decay=0.5),
            loss=losses.binary,
        ),
        optimizer=sgd(0.1, 0, weight_decay=1e-4),
    ),
    vanishing(
        "adam_coupled_decay_1",
        on(
            tables.tumours,
            mlp(nn.Tanh, 5, start=xavier, **of_tumours),
            adam(3e-3, weight_decay=1.0),
            loss=losses.binary,
        ),
        optimizer=adam(3e-3),
    ),
    vanishing(
        "photo_tanh_decay_of_30",
        briefly(
            photos.photos, convolution.photo_net(nn.Tanh, 5, xavier), adamw(5e-3, weight_decay=30.0)
        ),
        optimizer=adamw(1e-3),
    ),
    vanishing(
        "gelu_text_coupled_decay",
        briefly(texts.bags, mlp(nn.GELU, 5, start=he, **of_bags), sgd(0.1, 0.9, weight_decay=0.4)),
        optimizer=sgd(0.05),
    ),
    vanishing(
        "elu_6_decay_of_1_tumours",
        briefly(
            tables.tumours,
            mlp(nn.ELU, 6, start=xavier, **of_tumours),
            sgd(0.05, 0.9, weight_decay=0.8),
            loss=losses.binary,
        ),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "text_tanh_decay_of_0.3",
        briefly(
            texts.origins,
            convolution.text_net(nn.Tanh, 5, xavier),
            sgd(0.05, weight_decay=0.3),
            steps=150,
        ),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "bags_silu_adamw_decay_of_40",
        briefly(texts.bags, mlp(nn.SiLU, 4, start=he, **of_bags), adamw(5e-3, weight_decay=40.0)),
        optimizer=adamw(1e-3),
    ),
    vanishing(
        "photo_tanh_decay_of_0.4",
        briefly(
            photos.photos,
            convolution.photo_net(nn.Tanh, 4, xavier),
            sgd(0.05, weight_decay=0.4),
            steps=150,
        ),
        optimizer=sgd(0.02),
    ),
)
LEARNING_RATE_TOO_HIGH = (
    vanishing(
        "sigmoid_3_high_rate",
        on(digits.digits, mlp(nn.Sigmoid, 3, start=xavier), sgd(3.0)),
        optimizer=sgd(0.2),
    ),
    vanishing(
        "tanh_4_high_rate",
        on(digits.digits, mlp(nn.Tanh, 4, start=xavier), sgd(3.0)),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "tanh_5_adam_rate_1",
        on(digits.digits, mlp(nn.Tanh, 5, start=xavier), adam(1.0)),
        optimizer=adam(1e-3),
    ),
    vanishing(
        "sigmoid_3_high_rate_wine",
        on(tables.wine, mlp(nn.Sigmoid, 3, inputs=13, outputs=3, start=xavier), sgd(5.0)),
        optimizer=sgd(0.1),
    ),
    vanishing(
        "sigmoid_3_adam_rate_half",
        on(digits.digits, mlp(nn.Sigmoid, 3, start=xavier), adam(0.5)),
        optimizer=adam(3e-3),
    ),
    vanishing(
        "tanh_3_high_rate_tumours",
        on(tables.tumours, mlp(nn.Tanh, 3, **of_tumours), sgd(5.0), loss=losses.binary),
        optimizer=sgd(),
    ),
    other(
        "relu_killed_by_rate_2",
        "dying-relu",
        on(digits.digits, mlp(nn.ReLU, 4, start=he), sgd(2.0)),
        optimizer=sgd(0.01),
    ),
    other(
        "relu_killed_by_adam_1",
        "dying-relu",
        on(digits.digits, mlp(nn.ReLU, 5, start=he), adam(1.0)),
        optimizer=adam(1e-3),
    ),
    other(
        "rate_3_sgd",
        "update-too-large",
        on(digits.digits, stacks.shallow, sgd(3.0)),
        optimizer=sgd(),
    ),
    other(
        "rate_1_adam_leaky",
        "update-too-large",
        on(digits.digits, mlp(nn.LeakyReLU, 2), adam(1.0)),
        optimizer=adam(),
    ),
    other(
        "rate_half_adam_conv",
        "update-too-large",
        on(digits.images, convolutions(nn.LeakyReLU, 3, start=he), adam(0.5)),
        optimizer=adam(3e-3),
    ),
    other(
        "rate_30_sgd_diverges",
        "non-finite",
        on(digits.digit_columns, mlp(nn.LeakyReLU, 3, outputs=1), sgd(30.0), loss=losses.squared),
        optimizer=sgd(0.01),
    ),
    other(
        "rate_1_regression_diverges",
        "non-finite",
        on(
            tables.raw_diabetes,
            mlp(nn.Identity, 2, inputs=10, outputs=1),
            sgd(0.5),
            loss=losses.squared,
        ),
        optimizer=sgd(1e-5),
    ),
    other(
        "rate_5_sgd_leaky",
        "update-too-large",
        on(digits.digits, mlp(nn.LeakyReLU, 3), sgd(5.0)),
        optimizer=sgd(),
    ),
    other(
        "rate_10_sgd_tumours",
        "update-too-large",
        on(
            tables.tumours,
            mlp(nn.LeakyReLU, 2, inputs=30, outputs=1),
            sgd(10.0),
            loss=losses.binary,
        ),
        optimizer=sgd(),
    ),
    other(
        "rate_5_sgd_wine",
        "update-too-large",
        on(tables.wine, mlp(nn.LeakyReLU, 3, inputs=13, outputs=3), sgd(5.0)),
        optimizer=sgd(),
    ),
    vanishing(
        "flowers_sigmoid_rate_20",
        on(tables.flowers, mlp(nn.Sigmoid, 3, width=32, start=xavier, **of_irises), sgd(20.0, 0)),
        optimizer=sgd(0.3),
    ),
    vanishing(
        "photo_tanh_rate_2_nesterov",
        on(
            photos.photos,
            convolution.photo_net(nn.Tanh, 4, xavier),
            sgd(2.0, nesterov=True),
            steps=200,
        ),
        optimizer=sgd(0.02, nesterov=True),
    ),
    vanishing(
        "tanh_4_rmsprop_rate_half",
        on(
            photos.flat_photos,
            mlp(nn.Tanh, 4, outputs=1),
            using(torch.optim.RMSprop, lr=0.5),
            loss=losses.binary,
        ),
        optimizer=using(torch.optim.RMSprop, lr=1e-3),
    ),
    other(
        "photos_kill_relu_adam_half",
        "dying-relu",
        on(photos.flat_photos, mlp(nn.ReLU, 4, start=he, outputs=1), adam(0.5), loss=losses.binary),
        optimizer=adam(1e-3),
    ),
    other(
        "flowers_sgd_rate_30",
        "update-too-large",
        on(tables.flowers, mlp(nn.LeakyReLU, 2, **of_irises_32), sgd(30.0)),
        optimizer=sgd(),
    ),
    other(
        "bags_rmsprop_rate_half",
        "update-too-large",
        on(
            texts.bags,
            mlp(nn.LeakyReLU, 2, inputs=512, outputs=4),
            using(torch.optim.RMSprop, lr=0.5),
        ),
        optimizer=using(torch.optim.RMSprop, lr=5e-4),
    ),
    other(
        "progress_rate_1_diverges",
        "non-finite",
        on(
            tables.progress,
            mlp(nn.Identity, 3, inputs=10, outputs=1),
            sgd(0.3),
            loss=losses.squared,
        ),
        optimizer=sgd(1e-6),
    ),
    vanishing(
        "sigmoid_3_bags_rate_40",
        briefly(texts.bags, mlp(nn.Sigmoid, 3, **of_bags), sgd(40.0)),
        optimizer=sgd(0.5),
        model=mlp(nn.Sigmoid, 3, start=xavier, **of_bags),
    ),
    other(
        "margin_loss_rate_20",
        "update-too-large",
        briefly(digits.digits, mlp(nn.LeakyReLU, 3), sgd(20.0), loss=losses.apart),
        optimizer=sgd(0.05),
    ),
    vanishing(
        "tanh_4_sgd_rate_60_tumours",
        briefly(
            tables.tumours,
            mlp(nn.Tanh, 4, start=xavier, **of_tumours),
            sgd(60.0),
            loss=losses.binary,
        ),
        optimizer=sgd(0.02),
    ),
    other(
        "bags_rate_12_sgd",
        "update-too-large",
        briefly(texts.bags, mlp(nn.LeakyReLU, 2, start=he, **of_bags), sgd(12.0)),
        optimizer=sgd(0.05),
    ),
    other(
        "diabetes_rate_3_diverges",
        "non-finite",
        briefly(
            tables.raw_diabetes, mlp(nn.Identity, 2, **of_patients), sgd(0.5), loss=losses.squared
        ),
        optimizer=sgd(1e-5),
    ),
    vanishing(
        "post_norm_16_rate_0.01",
        briefly(
            texts.characters,
            lambda: attention.Post(16, first=False),
            adam(1e-2),
            batch_size=16,
            steps=150,
        ),
        model=lambda: attention.Post(16, first=True),
        optimizer=adam(1e-3),
    ),
    vanishing(
        "names_tanh_rate_of_20",
        briefly(
            texts.characters,
            convolution.text_net(nn.Tanh, 3, xavier),
            sgd(20.0),
            steps=150,
        ),
        optimizer=sgd(0.05),
    ),
    vanishing(
        "flowers_sigmoid_adam_rate_of_5",
        briefly(tables.flowers, mlp(nn.Sigmoid, 3, start=xavier, **of_irises), adam(5.0)),
        optimizer=adam(5e-3),
    ),
    other(
        "wine_killed_by_rate_of_3",
        "dying-relu",
        briefly(tables.wine, mlp(nn.ReLU, 4, start=he, **of_wine), sgd(3.0)),
        optimizer=sgd(0.02),
    ),
    other(
        "names_gru_adam_rate_of_2",
        "update-too-large",
        briefly(
            texts.characters,
            lambda: Pooled(nn.Embedding(96, 24), nn.GRU(24, 24, batch_first=True), 24, 4),
            adam(2.0),
            steps=150,
        ),
        optimizer=adam(5e-3),
    ),
    other(
        "gaussian_width_rate_of_2",
        "non-finite",
        briefly(tables.raw_diabetes, stacks.patient(2), sgd(2.0), loss=losses.gaussian, steps=100),
        source=tables.diabetes,
        optimizer=adam(5e-3),
    ),
    vanishing(
        "wine_softsign_rate_of_80",
        briefly(tables.wine, mlp(nn.Softsign, 4, start=xavier, **of_wine), sgd(80.0)),
        optimizer=sgd(0.05),
    ),
)
LEARNING_RATE_TOO_LOW = (
    other(
        "rate_1e-6_sgd",
        "update-too-small",
        on(digits.digits, stacks.shallow, sgd(1e-6)),
        optimizer=sgd(),
    ),
    other(
        "rate_1e-5_sgd_tumours",
        "update-too-small",
        on(tables.tumours, mlp(nn.ReLU, 2, inputs=30, outputs=1), sgd(1e-5), loss=losses.binary),
        optimizer=sgd(),
    ),
    other(
        "rate_1e-8_adam",
        "update-too-small",
        on(digits.digits, stacks.shallow, adam(1e-8)),
        optimizer=adam(),
    ),
    other(
        "rate_1e-7_adam_conv",
        "update-too-small",
        on(digits.images, convolutions(nn.ReLU, 3, start=he), adam(1e-7)),
        optimizer=adam(3e-3),
    ),
    other(
        "gru_rate_1e-6",
        "update-too-small",
        on(digits.rows, recurrence.gru(), sgd(1e-6), steps=200),
        optimizer=sgd(0.1),
    ),
    other(
        "vae_rate_1e-7",
        "update-too-small",
        briefly(digits.copies, codes.Bernoulli, adam(1e-7), loss=losses.evidence),
        optimizer=adam(3e-3),
    ),
    other(
        "crossing_rate_1e-6",
        "update-too-small",
        briefly(tables.wine, lambda: stacks.Crossed(13, 3, 3), sgd(1e-6)),
        optimizer=sgd(0.05),
    ),
    other(
        "falcon_rate_of_1e-8",
        "update-too-small",
        briefly(
            texts.text,
            library.hf("Falcon", "CausalLM", **library.SIZE, bos_token_id=0, eos_token_id=0),
            adamw(1e-8),
            loss=losses.per_letter,
            batch_size=16,
            steps=100,
        ),
        optimizer=adamw(2e-3),
    ),
    other(
        "routed_rate_of_1e-7",
        "update-too-small",
        briefly(digits.digits, codes.SharedExperts, adamw(1e-7), loss=losses.shared_out),
        optimizer=adamw(5e-3),
    ),
)
LOW_PRECISION = (
    other(
        "half_overflows",
        "non-finite",
        on(
            digits.digits,
            lambda: Precise(mlp(nn.ReLU, 6, start=normal(2.0))(), torch.float16),
            sgd(1e-4),
        ),
        model=lambda: Precise(mlp(nn.ReLU, 6, start=he)(), torch.float32),
    ),
    other(
        "half_underflows",
        "precision-underflow",
        on(digits.digits, wiring.precise(torch.float16, 64), sgd(5e4, 0), loss=losses.times(1e-6)),
        model=wiring.precise(torch.float32, 64),
    ),
    other(
        "half_underflows_tumours",
        "precision-underflow",
        on(
            tables.tumours,
            wiring.precise(torch.float16, 64, **of_tumours),
            sgd(5e4, 0),
            loss=losses.tiny_binary,
        ),
        model=wiring.precise(torch.float32, 64, **of_tumours),
    ),
    other(
        "bfloat16_adam_3e-5",
        "update-too-small",
        on(digits.digits, wiring.precise(torch.bfloat16), adam(3e-5)),
        model=wiring.precise(torch.float32),
    ),
    other(
        "bfloat16_sgd_0.005",
        "update-too-small",
        on(digits.digits, wiring.precise(torch.bfloat16, 512), sgd(0.005, 0)),
        model=wiring.precise(torch.float32, 512),
    ),
    other(
        "photos_in_bfloat16_adamw_1e-5",
        "update-too-small",
        on(
            photos.flat_photos,
            wiring.precise(torch.bfloat16, width=384, outputs=1),
            adamw(2e-5),
            loss=losses.binary,
        ),
        model=wiring.precise(torch.float32, width=384, outputs=1),
    ),
    other(
        "photos_half_underflow",
        "precision-underflow",
        on(
            photos.flat_photos,
            wiring.precise(torch.float16, width=48, outputs=1),
            sgd(5e4, 0),
            loss=losses.tiny_binary,
        ),
        model=wiring.precise(torch.float32, width=48, outputs=1),
    ),
    other(
        "bags_half_underflow",
        "precision-underflow",
        briefly(texts.bags, wiring.halved(torch.float16), sgd(5e4), loss=losses.times(1e-6)),
        model=wiring.halved(torch.float32),
    ),
    other(
        "bags_in_bfloat16_rate_of_1e-5",
        "update-too-small",
        briefly(texts.bags, wiring.halved(torch.bfloat16), adamw(1e-5)),
        model=wiring.halved(torch.float32),
        optimizer=adamw(1e-3),
    ),
)
CLIPPING_TOO_STRONG = (
    other(
        "clipped_to_1e-5",
        "update-too-small",
        on(digits.digits, stacks.shallow, clipped(sgd(0.1), 1e-5)),
        optimizer=clipped(sgd(0.1), 1.0),
    ),
    other(
        "clipped_to_1e-4_conv",
        "update-too-small",
        on(digits.images, convolutions(nn.ReLU, 3, start=he), clipped(sgd(), 1e-4)),
        optimizer=clipped(sgd(), 1.0),
    ),
    other(
        "text_clipped_to_1e-5",
        "update-too-small",
        on(texts.bags, stacks.bag_stack, clipped(sgd(0.1), 1e-5)),
        optimizer=clipped(sgd(0.1), 1.0),
    ),
    other(
        "distilled_clipped_to_1e-5",
        "update-too-small",
        briefly(digits.taught, mlp(nn.GELU, 2), clipped(sgd(0.05), 1e-5), loss=losses.distilled),
        optimizer=sgd(0.02),
    ),
    other(
        "falcon_clipped_to_1e-5",
        "update-too-small",
        briefly(
            texts.text,
            library.hf("Falcon", "CausalLM", **library.SIZE, bos_token_id=0, eos_token_id=0),
            clipped(sgd(0.1), 1e-5),
            loss=losses.per_letter,
            batch_size=16,
            steps=100,
        ),
        optimizer=adamw(2e-3),
    ),
)
CASES = (
    *caused("weight-decay-too-strong", WEIGHT_DECAY_TOO_STRONG),
    *caused("learning-rate-too-high", LEARNING_RATE_TOO_HIGH),
    *caused("learning-rate-too-low", LEARNING_RATE_TOO_LOW),
    *caused("low-precision", LOW_PRECISION),
    *caused("clipping-too-strong", CLIPPING_TOO_STRONG),
)
