"""Sick: activations that bend, die or end the network wrongly."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.cases import losses, optimizers
from benchmarks.cases.case import briefly, caused, on, other, vanishing
from benchmarks.cases.networks import codes, convolution, recurrence, sets, stacks, wiring
from benchmarks.cases.networks.basic import (
    Apply,
    Backwards,
    Pooled,
    convolutions,
    he,
    mlp,
    normal,
    of_bags,
    of_columns,
    of_irises,
    of_patients,
    of_sizes,
    of_tumours,
    xavier,
)
from benchmarks.cases.optimizers import adam, adamw, sgd, using
from benchmarks.cases.sources import digits, photos, tables, texts

SATURATING_ACTIVATION = (
    vanishing(
        "sigmoid_5_sgd", on(digits.digits, mlp(nn.Sigmoid, 5), sgd()), model=mlp(nn.LeakyReLU, 5)
    ),
    vanishing(
        "sigmoid_6_sgd_plain",
        on(digits.digits, mlp(nn.Sigmoid, 6), sgd(0.1, 0)),
        model=mlp(nn.LeakyReLU, 6, start=he),
    ),
    vanishing(
        "sigmoid_8_sgd",
        on(digits.digits, mlp(nn.Sigmoid, 8), sgd()),
        model=mlp(nn.LeakyReLU, 8, start=he),
    ),
    vanishing(
        "sigmoid_10_adam",
        on(digits.digits, mlp(nn.Sigmoid, 10), adam()),
        model=mlp(nn.LeakyReLU, 10),
    ),
    vanishing(
        "sigmoid_12_rmsprop",
        on(digits.digits, mlp(nn.Sigmoid, 12), optimizers.slow),
        model=mlp(nn.LeakyReLU, 12, start=he),
    ),
    vanishing(
        "sigmoid_15_sgd_xavier",
        on(digits.digits, mlp(nn.Sigmoid, 15, start=xavier), sgd()),
        model=mlp(nn.Tanh, 15, start=xavier),
    ),
    vanishing(
        "sigmoid_20_adam_batchnorm_cures",
        on(digits.digits, mlp(nn.Sigmoid, 20, start=xavier), adam()),
        model=mlp(nn.Sigmoid, 20, start=xavier, norm=nn.BatchNorm1d),
    ),
    vanishing(
        "sigmoid_7_tumours",
        on(tables.tumours, mlp(nn.Sigmoid, 7, **of_tumours), sgd(), loss=losses.binary),
        model=mlp(nn.LeakyReLU, 7, start=he, **of_tumours),
    ),
    vanishing(
        "sigmoid_8_wine",
        on(tables.wine, mlp(nn.Sigmoid, 8, inputs=13, outputs=3), sgd()),
        model=mlp(nn.Tanh, 8, inputs=13, outputs=3, start=xavier),
    ),
    vanishing(
        "sigmoid_7_diabetes",
        on(
            tables.diabetes,
            mlp(nn.Sigmoid, 7, inputs=10, outputs=1),
            sgd(0.02),
            loss=losses.squared,
        ),
        model=mlp(nn.Tanh, 7, inputs=10, outputs=1, start=xavier),
    ),
    vanishing(
        "sigmoid_conv_8",
        on(digits.images, convolutions(nn.Sigmoid, 8), sgd()),
        model=convolutions(nn.LeakyReLU, 8, start=he),
    ),
    vanishing(
        "sigmoid_conv_10_adam",
        on(digits.images, convolutions(nn.Sigmoid, 10), adam()),
        model=convolutions(nn.LeakyReLU, 10, start=he),
    ),
    vanishing(
        "hardsigmoid_8_adam",
        on(digits.digits, mlp(nn.Hardsigmoid, 8), adam()),
        model=mlp(nn.LeakyReLU, 8, start=he),
    ),
    vanishing(
        "bell_8_sgd",
        on(digits.digits, mlp(stacks.Bell, 8), sgd()),
        model=mlp(nn.LeakyReLU, 8, start=he),
    ),
    vanishing(
        "sigmoid_8_loss_1e6",
        on(digits.digits, mlp(nn.Sigmoid, 8), sgd(1e-8), loss=losses.times(1e6)),
        model=mlp(nn.LeakyReLU, 8, start=he),
    ),
    vanishing(
        "sigmoid_8_loss_1e-6",
        on(digits.digits, mlp(nn.Sigmoid, 8), sgd(1e4), loss=losses.times(1e-6)),
        model=mlp(nn.LeakyReLU, 8, start=he),
    ),
    vanishing(
        "tanh_8_saturated_biases",
        on(digits.digits, mlp(nn.Tanh, 8, start=xavier, bias=3.0), sgd()),
        model=mlp(nn.Tanh, 8, start=xavier),
    ),
    vanishing(
        "sigmoid_autoencoder_12",
        on(digits.copies, codes.hourglass(nn.Sigmoid, None), adam(3e-3), loss=losses.squared),
        model=codes.hourglass(nn.LeakyReLU, he),
    ),
    vanishing(
        "one_sick_tower",
        on(
            digits.digits,
            lambda: stacks.Towers(stacks.tower(nn.Sigmoid, 10), stacks.tower(nn.Tanh, 2)),
            sgd(),
        ),
        model=lambda: stacks.Towers(stacks.tower(nn.Tanh, 10), stacks.tower(nn.Tanh, 2)),
    ),
    vanishing(
        "gates_20", on(digits.digits, stacks.gates(20, 0.0), sgd()), model=stacks.gates(20, 4.0)
    ),
    vanishing(
        "gates_12_closed",
        on(digits.digits, stacks.gates(12, -2.0), sgd()),
        model=stacks.gates(12, 3.0),
    ),
    vanishing(
        "sigmoid_9_reverse_registration",
        on(digits.digits, lambda: Backwards(nn.Sigmoid, 9, None), sgd(0.02)),
        model=lambda: Backwards(nn.LeakyReLU, 9, he),
    ),
    vanishing(
        "sigmoid_cell",
        on(digits.rows, lambda: recurrence.SigmoidCell(nn.Sigmoid, xavier), adam()),
        model=lambda: recurrence.SigmoidCell(nn.Tanh, nn.init.orthogonal_),
    ),
    vanishing(
        "sigmoid_cell_sgd",
        on(digits.rows, lambda: recurrence.SigmoidCell(nn.Sigmoid, nn.init.orthogonal_), sgd(0.01)),
        model=lambda: recurrence.SigmoidCell(nn.Tanh, nn.init.orthogonal_),
    ),
    vanishing(
        "text_convolutions_sigmoid_6",
        on(texts.origins, convolution.text_net(nn.Sigmoid, 6), adam(), steps=200),
        model=convolution.text_net(nn.LeakyReLU, 6, he),
    ),
    vanishing(
        "photo_convolutions_sigmoid_nadam",
        on(photos.photos, convolution.photo_net(nn.Sigmoid, 7), optimizers.nadam, steps=200),
        model=convolution.photo_net(nn.LeakyReLU, 7, he),
    ),
    vanishing(
        "functional_sigmoid_adagrad",
        on(digits.digits, lambda: stacks.Functional(torch.sigmoid, 8), optimizers.adagrad),
        model=lambda: stacks.Functional(functional.leaky_relu, 8, he),
    ),
    vanishing(
        "functional_tanh_shrunk_adadelta",
        on(
            digits.digits,
            lambda: stacks.Functional(lambda v: 0.3 * v.tanh(), 10),
            using(torch.optim.Adadelta, lr=1.0),
        ),
        model=lambda: stacks.Functional(torch.tanh, 10, xavier),
    ),
    vanishing(
        "gated_products_12_tumours",
        on(tables.tumours, stacks.products(12, 30, around=False), adamw(), loss=losses.binary),
        model=stacks.products(12, 30, around=True),
    ),
    vanishing(
        "hardtanh_photo_biases_of_3",
        on(
            photos.photos,
            convolution.photo_net(nn.Hardtanh, 5, xavier, bias=3.0),
            sgd(0.02),
            steps=200,
        ),
        model=convolution.photo_net(nn.Hardtanh, 5, xavier),
    ),
    vanishing(
        "sigmoid_9_flowers",
        on(tables.flowers, mlp(nn.Sigmoid, 9, width=24, **of_irises), adam(3e-3)),
        model=mlp(nn.LeakyReLU, 9, width=24, start=he, **of_irises),
    ),
    vanishing(
        "sigmoid_6_next_letter",
        on(texts.following, mlp(nn.Sigmoid, 6, inputs=768, outputs=96), sgd(0.1)),
        model=mlp(nn.LeakyReLU, 6, inputs=768, outputs=96, start=he),
    ),
    vanishing(
        "softsign_14_default",
        on(digits.digits, mlp(nn.Softsign, 14), sgd(0.02)),
        model=mlp(nn.Tanh, 14, start=xavier),
    ),
    vanishing(
        "hardsigmoid_6_photos_sgd",
        on(photos.flat_photos, mlp(nn.Hardsigmoid, 6, outputs=1), sgd(0.05), loss=losses.binary),
        model=mlp(nn.LeakyReLU, 6, outputs=1, start=he),
    ),
    vanishing(
        "sigmoid_8_bags_rmsprop",
        briefly(texts.bags, mlp(nn.Sigmoid, 8, **of_bags), using(torch.optim.RMSprop, lr=3e-4)),
        model=mlp(nn.LeakyReLU, 8, start=he, **of_bags),
    ),
    vanishing(
        "sigmoid_6_tumour_sizes_huber",
        briefly(
            tables.tumour_columns, mlp(nn.Sigmoid, 6, **of_sizes), sgd(0.05), loss=losses.smooth
        ),
        model=mlp(nn.Tanh, 6, start=xavier, **of_sizes),
    ),
    vanishing(
        "sigmoid_7_text_adamw",
        briefly(texts.origins, convolution.text_net(nn.Sigmoid, 7), adamw(1e-3)),
        model=convolution.text_net(nn.LeakyReLU, 7, he),
    ),
    vanishing(
        "sigmoid_7_default_flowers_adamw",
        briefly(tables.flowers, mlp(nn.Sigmoid, 7, width=48, **of_irises), adamw(1e-3)),
        model=mlp(nn.Tanh, 7, width=48, start=xavier, **of_irises),
    ),
    vanishing(
        "photo_sigmoid_5_sgd",
        briefly(photos.photos, convolution.photo_net(nn.Sigmoid, 5), sgd(0.05)),
        model=convolution.photo_net(nn.LeakyReLU, 5, he),
    ),
    vanishing(
        "normal_distribution_8_flowers",
        briefly(tables.flowers, mlp(stacks.bell_curve, 8, width=48, **of_irises), adam(1e-3)),
        model=mlp(nn.Tanh, 8, width=48, start=xavier, **of_irises),
    ),
    vanishing(
        "photos_drawn_through_9_sigmoids",
        briefly(
            photos.photos,
            lambda: convolution.Coded(nn.Sigmoid, None, 8),
            adam(2e-3),
            loss=losses.of_output,
            steps=120,
        ),
        model=lambda: convolution.Coded(nn.LeakyReLU, he, 8),
    ),
    vanishing(
        "drawing_through_sigmoids_sgd",
        briefly(
            digits.unit_digits,
            lambda: codes.Drawing(nn.Sigmoid, None),
            sgd(0.2),
            loss=losses.of_output,
        ),
        model=lambda: codes.Drawing(nn.LeakyReLU, he),
    ),
    vanishing(
        "barlow_sigmoid_7",
        briefly(
            digits.digits,
            lambda: codes.Decorrelated(mlp(nn.Sigmoid, 7, outputs=16)()),
            sgd(0.005),
            loss=losses.of_output,
            batch_size=64,
        ),
        model=lambda: codes.Decorrelated(mlp(nn.Tanh, 7, outputs=16, start=xavier)()),
    ),
    vanishing(
        "points_through_8_sigmoids",
        briefly(digits.digits, lambda: sets.Points(nn.Sigmoid, 8), adam(1e-3), steps=150),
        model=lambda: sets.Points(nn.LeakyReLU, 8),
    ),
    vanishing(
        "ordered_through_9_sigmoids",
        briefly(
            tables.diabetes,
            lambda: codes.Steps(nn.Sigmoid, 9, None),
            sgd(0.05),
            loss=losses.ordered,
        ),
        model=lambda: codes.Steps(nn.Tanh, 9, xavier),
    ),
)
DOUBLE_SOFTMAX = (
    vanishing(
        "softmax_after_each_of_4",
        on(digits.digits, stacks.mixed(stacks.soft, 4), sgd()),
        model=stacks.mixed(nn.Tanh, 4),
    ),
    vanishing(
        "softmax_after_each_of_6_adam",
        on(digits.digits, stacks.mixed(stacks.soft, 6), adam()),
        model=stacks.mixed(nn.Tanh, 6),
    ),
    vanishing(
        "softmax_after_each_of_4_tumours",
        on(tables.tumours, stacks.mixed_table(stacks.soft, 4), sgd(), loss=losses.binary),
        model=stacks.mixed_table(nn.Tanh, 4),
    ),
    vanishing(
        "softmax_after_each_of_3_wine",
        on(tables.wine, mlp(stacks.soft, 3, inputs=13, outputs=3), sgd()),
        model=mlp(nn.Tanh, 3, inputs=13, outputs=3),
    ),
    vanishing(
        "softmax_twice_sure",
        on(
            digits.digits,
            wiring.ended_with_bias(
                0.0, nn.Sequential(Apply(lambda s: 100 * s), nn.Softmax(dim=1)), 64, 10
            ),
            sgd(),
        ),
        model=wiring.ended_with_bias(0.0, nn.Identity(), 64, 10),
    ),
    other(
        "softmax_then_cross_entropy",
        "stalled-loss",
        on(digits.digits, wiring.ended(nn.Softmax(dim=1)), sgd(0.02, 0.5)),
        model=stacks.shallow,
    ),
    other(
        "softmax_over_batch",
        "stalled-loss",
        on(digits.digits, wiring.ended(nn.Softmax(dim=0)), sgd(0.02)),
        model=stacks.shallow,
    ),
    vanishing(
        "softmin_after_each_of_5_flowers",
        on(tables.flowers, mlp(lambda: nn.Softmin(dim=1), 5, width=24, **of_irises), sgd(0.1)),
        model=mlp(nn.Tanh, 5, width=24, start=xavier, **of_irises),
    ),
    other(
        "text_softmax_over_batch",
        "stalled-loss",
        on(
            texts.bags,
            mlp(nn.ReLU, 2, inputs=512, outputs=4, end=(nn.Softmax(dim=0),)),
            sgd(0.02),
        ),
        model=stacks.bag_stack,
    ),
    vanishing(
        "softmax_after_each_of_4_bags",
        briefly(texts.bags, mlp(lambda: nn.Softmax(dim=1), 4, **of_bags), adamw(1e-3)),
        model=mlp(nn.Tanh, 4, start=xavier, **of_bags),
    ),
    vanishing(
        "softmax_after_each_of_5_flowers_adam",
        briefly(tables.flowers, mlp(lambda: nn.Softmax(dim=-1), 5, **of_irises), adam(2e-3)),
        model=mlp(nn.Tanh, 5, start=xavier, **of_irises),
    ),
    vanishing(
        "softmax_over_channels_5",
        briefly(
            photos.photos, convolution.channels(5, lambda: nn.Softmax(dim=1)), adam(1e-3), steps=150
        ),
        model=convolution.channels(5, nn.Tanh),
    ),
    other(
        "names_softmax_over_batch",
        "stalled-loss",
        briefly(
            texts.characters,
            lambda: nn.Sequential(convolution.text_net(nn.GELU, 2)(), nn.LogSoftmax(dim=0)),
            adam(2e-3),
            loss=losses.likely,
            steps=150,
        ),
        model=lambda: nn.Sequential(convolution.text_net(nn.GELU, 2)(), nn.LogSoftmax(dim=1)),
    ),
    vanishing(
        "softmax_between_4_over_names",
        briefly(
            texts.characters,
            convolution.text_net(lambda: nn.Softmax(dim=1), 4),
            adam(1e-3),
            steps=150,
        ),
        model=convolution.text_net(nn.LeakyReLU, 4, he),
    ),
)
WRONG_OUTPUT_ACTIVATION = (
    vanishing(
        "sigmoid_output_far_off",
        on(
            tables.tumours,
            wiring.ended_with_bias(-14.0, nn.Sigmoid(), 30),
            sgd(),
            loss=losses.squared,
        ),
        model=wiring.ended_with_bias(0.0, nn.Sigmoid(), 30),
    ),
    vanishing(
        "sigmoid_output_far_off_digits",
        on(
            digits.onehot_digits,
            wiring.ended_with_bias(-12.0, nn.Sigmoid(), 64, 10),
            adam(),
            loss=losses.squared,
        ),
        model=wiring.ended_with_bias(-2.0, nn.Sigmoid(), 64, 10),
    ),
    vanishing(
        "tanh_output_far_off",
        on(
            tables.diabetes, wiring.ended_with_bias(10.0, nn.Tanh(), 10), sgd(), loss=losses.squared
        ),
        model=wiring.ended_with_bias(0.0, nn.Identity(), 10),
    ),
    vanishing(
        "softmax_output_one_sure",
        on(
            digits.onehot_digits,
            wiring.ended_with_bias(
                0.0, nn.Sequential(Apply(lambda s: 200 * s), nn.Softmax(dim=1)), 64, 10
            ),
            sgd(),
            loss=losses.squared,
        ),
        model=wiring.ended_with_bias(0.0, nn.Softmax(dim=1), 64, 10),
    ),
    other(
        "log_of_zero",
        "non-finite",
        on(
            digits.digits,
            mlp(nn.ReLU, 2, end=(nn.Hardsigmoid(),), start=normal(0.8)),
            adam(),
            loss=losses.likelihood,
        ),
        model=mlp(nn.ReLU, 2, end=(nn.Softmax(dim=1),), start=he),
    ),
    other(
        "sigmoid_for_0_to_9",
        "saturated-activation",
        on(
            digits.digit_values,
            mlp(nn.ReLU, 2, outputs=1, end=(nn.Sigmoid(), nn.Flatten(0))),
            adam(),
            loss=losses.squared,
        ),
        model=mlp(nn.ReLU, 2, outputs=1, end=(nn.Flatten(0),)),
    ),
    other(
        "tanh_for_raw_progress",
        "saturated-activation",
        on(tables.raw_diabetes, wiring.ended(nn.Tanh(), 1, 10), adam(1e-2), loss=losses.squared),
        model=wiring.ended(nn.Identity(), 1, 10),
    ),
    other(
        "relu_for_scores_around_0",
        "zero-gradient",
        on(
            digits.digit_columns,
            mlp(nn.ReLU, 2, outputs=1, end=(Apply(lambda s: (s - 3).relu()),)),
            adam(),
            loss=losses.squared,
        ),
        model=wiring.one_column,
    ),
    vanishing(
        "sigmoid_output_sure_photos",
        on(
            photos.flat_photos,
            wiring.hot(nn.Sigmoid, -16.0, outputs=1),
            adam(),
            loss=losses.squared,
        ),
        model=wiring.hot(nn.Sigmoid, 0.0, outputs=1),
    ),
    other(
        "flower_code_clamped_away",
        "zero-gradient",
        on(
            tables.flower_columns,
            mlp(nn.Tanh, 2, end=(Apply(lambda v: v.clamp(2.5, 9.0)),), **of_columns),
            adam(),
            loss=losses.squared,
        ),
        model=mlp(nn.Tanh, 2, **of_columns),
    ),
    other(
        "sigmoid_for_ink_counts",
        "saturated-activation",
        on(
            digits.ink_counts,
            mlp(nn.ReLU, 2, inputs=32, outputs=1, end=(nn.Sigmoid(),)),
            adam(3e-3),
            loss=losses.squared,
        ),
        model=mlp(nn.ReLU, 2, inputs=32, outputs=1),
    ),
    vanishing(
        "tanh_output_far_off_huber",
        briefly(
            tables.tumour_columns,
            mlp(nn.GELU, 2, end=(Apply(lambda v: (v + 9).tanh()),), **of_sizes),
            adam(1e-3),
            loss=losses.smooth,
        ),
        model=mlp(nn.GELU, 2, **of_sizes),
    ),
    vanishing(
        "sigmoid_output_14_off_tumours",
        briefly(
            tables.tumours,
            mlp(nn.ReLU, 2, end=(Apply(lambda v: (v - 14).sigmoid()),), **of_tumours),
            sgd(0.05),
            loss=losses.squared,
        ),
        model=mlp(nn.ReLU, 2, end=(nn.Sigmoid(),), **of_tumours),
    ),
    other(
        "capped_scores_of_patients",
        "zero-gradient",
        briefly(
            tables.diabetes,
            mlp(nn.SiLU, 2, end=(wiring.capped(3.0),), **of_patients),
            adam(2e-3),
            loss=losses.squared,
        ),
        model=mlp(nn.SiLU, 2, **of_patients),
    ),
    vanishing(
        "chances_far_too_sure",
        briefly(
            tables.tumours,
            mlp(nn.Tanh, 2, inputs=30, outputs=1, end=(Apply(lambda v: (12 - v).sigmoid()),)),
            adam(1e-3),
            loss=losses.squared,
        ),
        model=mlp(nn.Tanh, 2, inputs=30, outputs=1, end=(nn.Sigmoid(),)),
    ),
    other(
        "tanh_for_brightness",
        "saturated-activation",
        briefly(
            photos.brightness,
            wiring.regressor(column=False, end=(nn.Tanh(),)),
            adam(5e-3),
            loss=losses.squared,
            steps=150,
        ),
        source=photos.scaled_brightness,
        model=wiring.regressor(column=False),
    ),
    other(
        "logarithm_of_any_score",
        "non-finite",
        briefly(
            tables.raw_diabetes, mlp(nn.SiLU, 2, **of_patients), adam(2e-3), loss=losses.relative
        ),
        model=mlp(nn.SiLU, 2, end=(nn.Softplus(),), **of_patients),
    ),
)
DEAD_RELU = (
    other(
        "relu_biases_-10",
        "dying-relu",
        on(digits.digits, mlp(nn.ReLU, 3, start=he, bias=-10.0), adam()),
        model=mlp(nn.ReLU, 3, start=he),
    ),
    other(
        "relu_biases_-4_sgd",
        "dying-relu",
        on(digits.digits, mlp(nn.ReLU, 3, start=he, bias=-6.0), sgd()),
        model=mlp(nn.ReLU, 3, start=he),
    ),
    other(
        "relu_dark_inputs_positive_weights",
        "dying-relu",
        on(
            digits.dark_digits,
            mlp(nn.ReLU, 2, start=lambda w: nn.init.uniform_(w, 0.0, 0.2)),
            adam(),
        ),
        model=mlp(nn.ReLU, 2, start=he),
    ),
    other(
        "conv_biases_-8",
        "dying-relu",
        on(digits.images, convolutions(nn.ReLU, 4, start=he, bias=-8.0), adam()),
        model=convolutions(nn.ReLU, 4, start=he),
    ),
    other(
        "residual_branches_dead",
        "dying-relu",
        on(digits.digit_columns, lambda: stacks.Branches(-12.0), adam(), loss=losses.squared),
        model=lambda: stacks.Branches(0.0),
    ),
    other(
        "bags_biases_of_-9",
        "dying-relu",
        on(
            texts.bags,
            mlp(nn.ReLU, 3, inputs=512, outputs=4, start=he, bias=-9.0),
            adam(2e-3),
        ),
        model=mlp(nn.ReLU, 3, inputs=512, outputs=4, start=he),
    ),
    other(
        "photo_convolutions_biases_of_-6",
        "dying-relu",
        briefly(photos.photos, convolution.photo_net(nn.ReLU, 3, he, bias=-6.0), adamw(1e-3)),
        model=convolution.photo_net(nn.ReLU, 3, he),
    ),
    other(
        "flowers_biases_of_-12",
        "dying-relu",
        briefly(tables.flowers, mlp(nn.ReLU, 2, start=he, bias=-12.0, **of_irises), sgd(0.05)),
        model=mlp(nn.ReLU, 2, start=he, **of_irises),
    ),
    other(
        "text_biases_of_-9",
        "dying-relu",
        briefly(
            texts.origins,
            lambda: Pooled(
                nn.Embedding(96, 24),
                mlp(nn.ReLU, 2, inputs=24, outputs=24, start=he, bias=-12.0)(),
                24,
                outputs=4,
            ),
            adamw(2e-3),
            steps=150,
        ),
        model=lambda: Pooled(
            nn.Embedding(96, 24), mlp(nn.ReLU, 2, inputs=24, outputs=24, start=he)(), 24, outputs=4
        ),
    ),
    other(
        "points_biases_of_-10",
        "dying-relu",
        briefly(digits.digits, lambda: sets.Points(nn.ReLU, 2, bias=-14.0), adam(2e-3), steps=150),
        model=lambda: sets.Points(nn.ReLU, 2),
    ),
)
CASES = (
    *caused("saturating-activation", SATURATING_ACTIVATION),
    *caused("double-softmax", DOUBLE_SOFTMAX),
    *caused("wrong-output-activation", WRONG_OUTPUT_ACTIVATION),
    *caused("dead-relu", DEAD_RELU),
)
