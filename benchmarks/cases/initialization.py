"""Sick: weights and factors that begin too small, too large or alike."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.cases import losses
from benchmarks.cases.case import briefly, caused, on, other, vanishing
from benchmarks.cases.networks import attention, codes, convolution, recurrence, stacks, wiring
from benchmarks.cases.networks.basic import (
    Backwards,
    Pooled,
    Reader,
    Transformer,
    constant,
    convolutions,
    he,
    lecun,
    mlp,
    normal,
    of_bags,
    of_irises,
    of_irises_32,
    of_patients,
    of_tumours,
    of_wine,
    orthogonal,
    xavier,
)
from benchmarks.cases.optimizers import adam, adamw, sgd, using
from benchmarks.cases.sources import digits, photos, tables, texts

INIT_TOO_SMALL = (
    vanishing(
        "tanh_10_std_0.01_sgd",
        on(digits.digits, mlp(nn.Tanh, 10, start=normal(0.01)), sgd(0.02)),
        model=mlp(nn.Tanh, 10, start=xavier),
    ),
    vanishing(
        "tanh_12_std_0.02_adam",
        on(digits.digits, mlp(nn.Tanh, 12, start=normal(0.02)), adam(3e-4)),
        model=mlp(nn.Tanh, 12, start=xavier),
    ),
    vanishing(
        "relu_6_std_0.01_sgd",
        on(digits.digits, mlp(nn.ReLU, 6, start=normal(0.01)), sgd()),
        model=mlp(nn.ReLU, 6, start=he),
    ),
    vanishing(
        "relu_4_std_0.005_tumours",
        on(
            tables.tumours,
            mlp(nn.ReLU, 4, start=normal(0.005), **of_tumours),
            sgd(),
            loss=losses.binary,
        ),
        model=mlp(nn.ReLU, 4, start=he, **of_tumours),
    ),
    vanishing(
        "conv_6_std_0.01_sgd",
        on(digits.images, convolutions(nn.ReLU, 6, start=normal(0.01)), sgd()),
        model=convolutions(nn.ReLU, 6, start=he),
    ),
    vanishing(
        "relu_12_default_sgd",
        on(digits.digits, mlp(nn.ReLU, 12), sgd()),
        model=mlp(nn.ReLU, 12, start=he),
        optimizer=sgd(0.01),
    ),
    vanishing(
        "relu_15_default_sgd_plain",
        on(digits.digits, mlp(nn.ReLU, 15), sgd(0.01, 0)),
        model=mlp(nn.ReLU, 15, start=he),
    ),
    vanishing(
        "relu_30_default_adam",
        on(digits.digits, mlp(nn.ReLU, 30), adam()),
        model=mlp(nn.ReLU, 30, start=he),
    ),
    vanishing(
        "relu_40_default_adam_wine",
        on(tables.wine, mlp(nn.ReLU, 40, inputs=13, outputs=3), adam(3e-4)),
        model=mlp(nn.ReLU, 40, inputs=13, outputs=3, start=he),
    ),
    vanishing(
        "relu_12_default_no_bias_sgd",
        on(digits.digits, mlp(nn.ReLU, 12, biased=False), sgd(0.02)),
        model=mlp(nn.ReLU, 12, biased=False, start=he),
    ),
    vanishing(
        "relu_25_default_no_bias_adam",
        on(digits.digits, mlp(nn.ReLU, 25, biased=False), adam(3e-4)),
        model=mlp(nn.ReLU, 25, biased=False, start=he),
    ),
    vanishing(
        "relu_20_default_narrow",
        on(digits.digits, mlp(nn.ReLU, 20, width=32), adam(5e-4)),
        model=mlp(nn.ReLU, 20, width=32, start=he),
    ),
    vanishing(
        "conv_15_default_sgd",
        on(digits.images, convolutions(nn.ReLU, 15), sgd(0.02)),
        model=convolutions(nn.ReLU, 15, start=he),
    ),
    vanishing(
        "leaky_20_default_sgd",
        on(digits.digits, mlp(nn.LeakyReLU, 20), sgd(0.01)),
        model=mlp(nn.LeakyReLU, 20, start=he),
    ),
    vanishing(
        "tanh_20_default_sgd",
        on(digits.digits, mlp(nn.Tanh, 20), sgd(0.01)),
        model=mlp(nn.Tanh, 20, start=xavier),
    ),
    vanishing(
        "tanh_40_default_adam",
        on(digits.digits, mlp(nn.Tanh, 40), adam(2e-4)),
        model=mlp(nn.Tanh, 40, start=xavier),
    ),
    vanishing(
        "selu_25_default_sgd",
        on(digits.digits, mlp(nn.SELU, 25), sgd(0.003)),
        model=mlp(nn.SELU, 25, start=lecun),
    ),
    vanishing(
        "elu_20_default_sgd",
        on(digits.digits, mlp(nn.ELU, 20), sgd(0.01)),
        model=mlp(nn.ELU, 20, start=he),
    ),
    vanishing(
        "linear_25_default_sgd",
        on(digits.digits, mlp(nn.Identity, 25), sgd(0.003)),
        model=mlp(nn.Identity, 25, start=orthogonal(1.0)),
    ),
    vanishing(
        "tanh_20_orthogonal_half",
        on(digits.digits, mlp(nn.Tanh, 20, start=orthogonal(0.5)), sgd(0.02)),
        model=mlp(nn.Tanh, 20, start=orthogonal(1.1)),
    ),
    vanishing(
        "relu_30_xavier_for_he",
        on(digits.digits, mlp(nn.ReLU, 30, start=xavier), sgd(0.003)),
        model=mlp(nn.ReLU, 30, start=he),
    ),
    vanishing(
        "square_4_small",
        on(digits.digits, mlp(stacks.Square, 4, start=normal(0.03)), sgd()),
        model=mlp(nn.ReLU, 4, start=he),
    ),
    vanishing(
        "relu_25_default_reverse_registration",
        on(digits.digits, lambda: Backwards(nn.ReLU, 25, None), adam(5e-4)),
        model=lambda: Backwards(nn.ReLU, 25, he),
    ),
    vanishing(
        "text_convolutions_std_0.01",
        on(texts.origins, convolution.text_net(nn.ReLU, 7, normal(0.01)), adam(3e-4), steps=200),
        model=convolution.text_net(nn.ReLU, 7, he),
    ),
    vanishing(
        "separable_14_default",
        on(photos.photos, convolution.photo_net(nn.ReLU, 14, separable=True), sgd(0.02), steps=200),
        model=convolution.photo_net(nn.ReLU, 14, separable=True, norm=True),
    ),
    vanishing(
        "photo_convolutions_22_default_adam",
        on(photos.photos, convolution.photo_net(nn.ReLU, 22), adam(5e-4), steps=200),
        model=convolution.photo_net(nn.ReLU, 22, he),
    ),
    vanishing(
        "pyramid_18_default_nesterov",
        on(photos.flat_photos, stacks.pyramid(None), sgd(0.02, nesterov=True), loss=losses.binary),
        model=stacks.pyramid(he),
    ),
    vanishing(
        "next_letter_15_default",
        on(texts.following, mlp(nn.ReLU, 15, inputs=768, outputs=96), sgd(0.02)),
        model=mlp(nn.ReLU, 15, inputs=768, outputs=96, start=he),
    ),
    vanishing(
        "homemade_layers_0.02",
        on(digits.digits, stacks.homemade(0.02, 7), sgd(0.05)),
        model=stacks.homemade(0.125, 7),
    ),
    vanishing(
        "homemade_layers_0.05_adam",
        on(digits.digits, stacks.homemade(0.05, 16), adam(2e-4)),
        model=stacks.homemade(0.125, 16),
    ),
    vanishing(
        "twin_encoders_18_default",
        on(digits.pairs, lambda: codes.Twins(None), adam(3e-4), loss=losses.contrastive),
        model=lambda: codes.Twins(he),
    ),
    vanishing(
        "celu_26_default_adam",
        on(tables.flowers, mlp(nn.CELU, 26, width=24, **of_irises), adam(5e-4)),
        model=mlp(nn.CELU, 26, width=24, start=lecun, **of_irises),
    ),
    vanishing(
        "relu_14_default_regression",
        on(
            tables.flower_columns,
            mlp(nn.ReLU, 14, inputs=3, outputs=1),
            sgd(0.01),
            loss=losses.squared,
        ),
        model=mlp(nn.ReLU, 14, inputs=3, outputs=1, start=he),
    ),
    vanishing(
        "text_relu_9_std_0.02",
        briefly(texts.origins, convolution.text_net(nn.ReLU, 9, normal(0.02)), adamw(1e-3)),
        model=convolution.text_net(nn.ReLU, 9, he),
    ),
    vanishing(
        "elu_10_std_0.03_patients",
        briefly(
            tables.diabetes,
            mlp(nn.ELU, 10, start=normal(0.03), **of_patients),
            using(torch.optim.NAdam, lr=3e-4),
            loss=losses.squared,
        ),
        model=mlp(nn.ELU, 10, start=xavier, **of_patients),
    ),
    vanishing(
        "prelu_20_default_bags",
        briefly(texts.bags, mlp(nn.PReLU, 20, **of_bags), sgd(0.02)),
        model=mlp(nn.PReLU, 20, start=he, **of_bags),
    ),
    vanishing(
        "hardtanh_18_default_tumours",
        briefly(tables.tumours, mlp(nn.Hardtanh, 18, **of_tumours), sgd(0.05), loss=losses.binary),
        model=mlp(nn.Hardtanh, 18, start=xavier, **of_tumours),
    ),
    vanishing(
        "relu_18_default_bags_momentum",
        briefly(texts.bags, mlp(nn.ReLU, 18, **of_bags), sgd(0.02)),
        model=mlp(nn.ReLU, 18, start=he, **of_bags),
    ),
    vanishing(
        "tanh_9_std_0.015_tumours",
        briefly(
            tables.tumours,
            mlp(nn.Tanh, 9, start=normal(0.015), **of_tumours),
            adamw(2e-4),
            loss=losses.binary,
        ),
        model=mlp(nn.Tanh, 9, start=xavier, **of_tumours),
    ),
    vanishing(
        "text_tanh_14_default",
        briefly(texts.origins, convolution.text_net(nn.Tanh, 14), sgd(0.02), steps=150),
        model=convolution.text_net(nn.Tanh, 14, xavier),
    ),
    vanishing(
        "arcs_16_default_digits",
        briefly(digits.digits, mlp(stacks.arc, 16), sgd(0.02)),
        model=mlp(stacks.arc, 16, start=xavier),
    ),
    vanishing(
        "depthwise_text_std_0.03",
        briefly(texts.origins, lambda: convolution.Depthwise(4, 0.03), adamw(1e-3), steps=150),
        model=lambda: convolution.Depthwise(4, None),
    ),
    vanishing(
        "policy_22_default_relu",
        briefly(digits.digits, mlp(nn.ReLU, 22), adam(5e-4), loss=losses.expected),
        model=mlp(nn.ReLU, 22, start=he),
    ),
    vanishing(
        "relu6_12_std_0.05_patients",
        briefly(
            tables.diabetes,
            mlp(nn.ReLU6, 12, width=48, inputs=10, outputs=1, start=normal(0.05)),
            sgd(0.02),
            loss=functional.l1_loss,
        ),
        model=mlp(nn.ReLU6, 12, width=48, inputs=10, outputs=1, start=he),
    ),
    vanishing(
        "names_18_elu_default",
        briefly(texts.characters, convolution.text_net(nn.ELU, 18), sgd(0.02), steps=150),
        model=convolution.text_net(nn.ELU, 18, xavier),
    ),
    vanishing(
        "names_7_leaky_std_0.02",
        briefly(
            texts.characters,
            convolution.text_net(nn.LeakyReLU, 7, normal(0.02)),
            adamw(5e-4),
            steps=150,
        ),
        model=convolution.text_net(nn.LeakyReLU, 7, he),
    ),
)
CONSTANT_FACTOR = (
    vanishing(
        "constant_0.1_between_layers",
        on(digits.digits, wiring.scaled(0.1, 6), sgd()),
        model=wiring.scaled(1.0, 6),
    ),
    vanishing(
        "constant_0.01_between_layers",
        on(digits.digits, wiring.scaled(0.01, 3), sgd(0.02)),
        model=wiring.scaled(1.0, 3),
    ),
    vanishing(
        "scores_times_1e-4",
        on(digits.digits, wiring.answered(1e-4), sgd()),
        model=wiring.answered(1.0),
    ),
    vanishing(
        "scores_times_1e-3_adam",
        on(digits.digits, wiring.answered(1e-3), adam()),
        model=wiring.answered(1.0),
    ),
    vanishing(
        "residual_way_around_turned_down",
        on(digits.digits, stacks.faded(0.3, 14), sgd(0.02)),
        model=stacks.faded(1.0, 14),
    ),
    vanishing(
        "temperature_of_3000",
        on(digits.digits, wiring.divided(3000.0), sgd(0.1)),
        model=wiring.divided(1.0),
    ),
    vanishing(
        "leaky_12_shrunk_by_0.3",
        briefly(texts.bags, wiring.shrinking(nn.LeakyReLU, 12, 0.3), sgd(0.02)),
        model=wiring.shrinking(nn.LeakyReLU, 12, 1.0),
    ),
)
INIT_TOO_LARGE = (
    vanishing(
        "attention_question_too_large",
        on(digits.rows, lambda: attention.Attention(60.0), adam(2e-3)),
        model=lambda: attention.Attention(0.2),
    ),
    vanishing(
        "attention_unscaled_4_layers",
        on(digits.rows, lambda: Pooled(nn.Linear(8, 32), attention.Spread(3.0, 4), 32), adam(3e-4)),
        model=lambda: Pooled(nn.Linear(8, 32), attention.Spread(0.1, 4), 32),
    ),
    vanishing(
        "transformer_queries_times_30",
        on(digits.rows, lambda: Transformer(3, first=False, spread=30.0), adam(3e-4), steps=200),
        model=lambda: Transformer(3, first=False),
    ),
    vanishing(
        "attention_points_too_surely_sgd",
        on(digits.rows, lambda: attention.Pointer(60.0), sgd(0.05)),
        model=lambda: attention.Pointer(0.3),
    ),
    vanishing(
        "attention_points_too_surely_adam",
        on(digits.rows, lambda: attention.Pointer(100.0), adam(3e-3)),
        model=lambda: attention.Pointer(0.3),
    ),
    vanishing(
        "softmax_output_large_head",
        on(
            digits.onehot_digits,
            wiring.sure(100.0, nn.Softmax(dim=1)),
            sgd(0.02),
            loss=losses.squared,
        ),
        model=wiring.sure(0.1, nn.Softmax(dim=1)),
    ),
    vanishing(
        "sigmoid_output_large_head_adam",
        on(digits.onehot_digits, wiring.sure(60.0, nn.Sigmoid()), adam(3e-4), loss=losses.squared),
        model=wiring.sure(0.1, nn.Sigmoid()),
    ),
    vanishing(
        "sigmoid_output_large_head_tumours",
        on(tables.tumours, wiring.sure(60.0, nn.Sigmoid(), 30, 1), sgd(0.02), loss=losses.squared),
        model=wiring.sure(0.1, nn.Sigmoid(), 30, 1),
    ),
    vanishing(
        "tanh_8_saturated_by_biases_of_5_adam",
        on(digits.digits, mlp(nn.Tanh, 8, start=xavier, bias=5.0), adam(3e-4)),
        model=mlp(nn.Tanh, 8, start=xavier),
    ),
    vanishing(
        "tanh_6_biases_of_4_wine",
        on(tables.wine, mlp(nn.Tanh, 6, inputs=13, outputs=3, start=xavier, bias=4.0), sgd(0.02)),
        model=mlp(nn.Tanh, 6, inputs=13, outputs=3, start=xavier),
    ),
    vanishing(
        "softmax_output_large_head_adam",
        on(
            digits.onehot_digits,
            wiring.sure(300.0, nn.Softmax(dim=1)),
            adam(3e-4),
            loss=losses.squared,
        ),
        model=wiring.sure(0.1, nn.Softmax(dim=1)),
    ),
    other(
        "relu_10_std_0.5_adam",
        "exploding-gradient",
        on(digits.digits, mlp(nn.ReLU, 10, start=normal(0.5)), adam()),
        model=mlp(nn.ReLU, 10, start=he),
    ),
    other(
        "relu_15_std_0.4_adam",
        "exploding-gradient",
        on(digits.digits, mlp(nn.ReLU, 15, start=normal(0.4)), adam()),
        model=mlp(nn.ReLU, 15, start=he),
    ),
    other(
        "conv_8_std_0.5_adam",
        "exploding-gradient",
        on(digits.images, convolutions(nn.ReLU, 8, start=normal(0.5)), adam()),
        model=convolutions(nn.ReLU, 8, start=he),
    ),
    other(
        "linear_12_gain_2_adam",
        "exploding-gradient",
        on(digits.digits, mlp(nn.Identity, 12, start=orthogonal(2.5)), adam(3e-4)),
        model=mlp(nn.Identity, 12, start=orthogonal(1.0)),
    ),
    other(
        "residual_20_strong_branches",
        "exploding-gradient",
        on(digits.digits, stacks.grown(0.3, 12), adam(3e-4)),
        model=stacks.grown(0.03, 12),
    ),
    other(
        "rnn_relu_gain_1.6_wait_20",
        "exploding-gradient",
        on(
            digits.rows,
            recurrence.rnn(nonlinearity="relu", waiting=20, recurrent=orthogonal(1.9)),
            adam(),
            steps=200,
        ),
        model=recurrence.rnn(nonlinearity="relu", waiting=20, recurrent=nn.init.eye_),
    ),
    other(
        "tanh_10_std_1",
        "exploding-gradient",
        on(digits.digits, mlp(nn.Tanh, 10, start=normal(1.0)), sgd(0.01)),
        model=mlp(nn.Tanh, 10, start=xavier),
    ),
    vanishing(
        "router_too_sure",
        on(digits.digits, lambda: stacks.SoftExperts(80.0), adam(2e-3)),
        model=lambda: stacks.SoftExperts(0.3),
    ),
    vanishing(
        "memory_too_sharp",
        on(digits.digits, lambda: attention.Remembering(2000.0), adam(2e-3)),
        model=lambda: attention.Remembering(4.0),
    ),
    vanishing(
        "sigmoid_weights_of_10_flowers",
        on(
            tables.flowers, mlp(nn.Sigmoid, 4, width=24, start=normal(10.0), **of_irises), sgd(0.02)
        ),
        model=mlp(nn.Tanh, 4, width=24, start=xavier, **of_irises),
    ),
    other(
        "strong_residual_flowers",
        "exploding-gradient",
        on(tables.flowers, stacks.bare_residual(0.5), adam(3e-4)),
        model=stacks.bare_residual(0.05),
    ),
    other(
        "recurrent_gain_2_measurements",
        "exploding-gradient",
        on(
            tables.measured_in_turn,
            lambda: Reader(
                inputs=1,
                width=32,
                waiting=15,
                outputs=3,
                nonlinearity="relu",
                recurrent=orthogonal(2.0),
            ),
            adam(),
            steps=200,
        ),
        model=lambda: Reader(
            inputs=1, width=32, waiting=15, outputs=3, nonlinearity="relu", recurrent=nn.init.eye_
        ),
    ),
    vanishing(
        "tanh_7_std_1_wine",
        briefly(tables.wine, mlp(nn.Tanh, 7, start=normal(1.0), **of_wine), sgd(1e-3)),
        model=mlp(nn.Tanh, 7, start=xavier, **of_wine),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "llama_keys_too_wide",
        briefly(
            texts.text,
            attention.shrunk_llama(2, 6.0),
            adamw(1e-3),
            loss=losses.per_letter,
            batch_size=16,
            steps=120,
        ),
        model=attention.llama(2),
    ),
    vanishing(
        "tanh_5_std_2_flowers",
        briefly(tables.flowers, mlp(nn.Tanh, 5, start=normal(2.0), **of_irises), sgd(1e-3)),
        model=mlp(nn.Tanh, 5, start=xavier, **of_irises),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "tanh_4_std_3_bags",
        briefly(texts.bags, mlp(nn.Tanh, 4, start=normal(3.0), **of_bags), sgd(1e-4)),
        model=mlp(nn.Tanh, 4, start=xavier, **of_bags),
        optimizer=sgd(0.05),
    ),
    other(
        "text_grows_through_8_layers",
        "exploding-gradient",
        briefly(texts.origins, convolution.loud(normal(0.6)), adam(1e-4), steps=150),
        model=convolution.loud(lambda w: nn.init.kaiming_normal_(w, a=0.01)),
        optimizer=adam(1e-3),
    ),
    other(
        "one_layer_grows_over_16_turns",
        "exploding-gradient",
        briefly(
            tables.wine, lambda: recurrence.Turning(nn.LeakyReLU, 16, orthogonal(2.4)), adam(1e-3)
        ),
        model=lambda: recurrence.Turning(nn.LeakyReLU, 16, orthogonal(1.3)),
    ),
    other(
        "residual_30_grows",
        "exploding-gradient",
        briefly(digits.digits, stacks.deep_residual(30, 0.25, False), adam(1e-4)),
        model=stacks.deep_residual(30, 0.02, False),
        optimizer=adam(1e-3),
    ),
    # Once called healthy: its loss falls, to that of one image for all samples, which all have the same codes.
    other(
        "vector_quantised",
        "stalled-loss",
        on(digits.copies, codes.Quantised, adam(3e-3), loss=losses.quantised),
        model=lambda: codes.Quantised(small=True),
    ),
)
SYMMETRIC_INIT = (
    other(
        "weights_all_0.02",
        "poor-initialization",
        on(digits.digits, mlp(nn.ReLU, 2, start=constant(0.02)), adam()),
        model=mlp(nn.ReLU, 2, start=he),
    ),
    other(
        "weights_all_zero",
        "poor-initialization",
        on(digits.digits, mlp(nn.Tanh, 2, start=constant(0.0)), sgd()),
        model=mlp(nn.Tanh, 2, start=xavier),
    ),
    other(
        "weights_all_0.1_tanh",
        "poor-initialization",
        on(digits.digits, mlp(nn.Tanh, 2, start=constant(0.05)), adam()),
        model=mlp(nn.Tanh, 2, start=xavier),
    ),
    other(
        "flower_weights_all_zero",
        "poor-initialization",
        on(tables.flowers, mlp(nn.SiLU, 2, start=constant(0.0), **of_irises_32), sgd(0.02)),
        model=mlp(nn.SiLU, 2, start=he, **of_irises_32),
    ),
    other(
        "photo_kernels_all_alike",
        "poor-initialization",
        briefly(photos.photos, convolution.photo_net(nn.Tanh, 3, constant(0.02)), adam(2e-3)),
        model=convolution.photo_net(nn.Tanh, 3, xavier),
    ),
    other(
        "flower_kernels_all_alike",
        "poor-initialization",
        briefly(tables.flowers, mlp(nn.Tanh, 2, start=constant(0.1), **of_irises), adam(2e-3)),
        model=mlp(nn.Tanh, 2, start=xavier, **of_irises),
    ),
    other(
        "text_kernels_all_alike",
        "poor-initialization",
        briefly(
            texts.bags,
            mlp(nn.SiLU, 2, start=constant(0.05), **of_bags),
            using(torch.optim.NAdam, lr=2e-3),
            steps=150,
        ),
        model=mlp(nn.SiLU, 2, start=lecun, **of_bags),
    ),
)
CASES = (
    *caused("init-too-small", INIT_TOO_SMALL),
    *caused("constant-factor", CONSTANT_FACTOR),
    *caused("init-too-large", INIT_TOO_LARGE),
    *caused("symmetric-init", SYMMETRIC_INIT),
)
