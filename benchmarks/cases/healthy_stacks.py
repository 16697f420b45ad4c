"""Healthy: dense stacks, activations, normalizations, optimizers, tasks and scales of the loss."""

from functools import partial

import torch
from torch import nn

from benchmarks.cases import losses, optimizers
from benchmarks.cases.case import briefly, healthy, on
from benchmarks.cases.networks import convolution, stacks, wiring
from benchmarks.cases.networks.basic import (
    Apply,
    Backwards,
    Letters,
    Pooled,
    Skip,
    he,
    lecun,
    mlp,
    normal,
    of_bags,
    of_patients,
    of_tumours,
    of_wine,
    xavier,
)
from benchmarks.cases.optimizers import adam, adamw, clipped, scheduled, sgd, using, warmed
from benchmarks.cases.sources import digits, photos, tables, texts

CASES = (
    healthy("relu_3_default_adam", on(digits.digits, mlp(nn.ReLU, 3), adam())),
    healthy("relu_3_default_sgd", on(digits.digits, mlp(nn.ReLU, 3), sgd())),
    healthy("relu_5_default_adam", on(digits.digits, mlp(nn.ReLU, 5), adam(2e-3))),
    healthy("relu_8_leaky_default_adam", on(digits.digits, mlp(nn.LeakyReLU, 8), adam(2e-3))),
    healthy("relu_30_he_adam", on(digits.digits, mlp(nn.ReLU, 30, start=he), adam(3e-4))),
    healthy(
        "relu_10_he_no_bias_sgd",
        on(digits.digits, mlp(nn.ReLU, 10, start=he, biased=False), sgd(0.01)),
    ),
    healthy("tanh_3_sgd", on(digits.digits, mlp(nn.Tanh, 3), sgd())),
    healthy("tanh_20_xavier_sgd", on(digits.digits, mlp(nn.Tanh, 20, start=xavier), sgd(0.01))),
    healthy("selu_20_lecun_sgd", on(digits.digits, mlp(nn.SELU, 20, start=lecun), sgd(0.003))),
    healthy("gelu_4_adam", on(digits.digits, mlp(nn.GELU, 4), adam())),
    healthy("silu_4_he_adam", on(digits.digits, mlp(nn.SiLU, 4, start=he), adam())),
    healthy("softplus_3_adam", on(digits.digits, mlp(nn.Softplus, 3), adam(3e-3))),
    healthy("elu_6_sgd", on(digits.digits, mlp(nn.ELU, 6, start=he), sgd(0.01))),
    healthy("relu6_hardtanh_sgd", on(digits.digits, mlp(nn.Hardtanh, 4, start=xavier), sgd())),
    healthy("hardswish_4_adam", on(digits.digits, mlp(nn.Hardswish, 4, start=he), adam())),
    healthy(
        "maxout_adam",
        on(
            digits.digits,
            lambda: nn.Sequential(stacks.Maxout(64, 32), stacks.Maxout(32, 32), nn.Linear(32, 10)),
            adam(),
        ),
    ),
    healthy(
        "swiglu_residual_adamw",
        on(
            digits.digits,
            lambda: nn.Sequential(
                *(Skip(nn.LayerNorm(64), stacks.Gated(64)) for _ in range(4)), nn.Linear(64, 10)
            ),
            adamw(),
        ),
    ),
    healthy(
        "highway_10_adam",
        on(
            digits.digits,
            lambda: nn.Sequential(*(stacks.Highway(64) for _ in range(10)), nn.Linear(64, 10)),
            adam(),
        ),
    ),
    healthy("sigmoid_2_adam", on(digits.digits, mlp(nn.Sigmoid, 2), adam(3e-3))),
    healthy("sigmoid_4_adam_recovers", on(digits.digits, mlp(nn.Sigmoid, 4), adam(3e-3))),
    healthy("batchnorm_10_bias_before_it", on(digits.digits, stacks.deep_norm, adam())),
    healthy(
        "layernorm_15_gelu", on(digits.digits, mlp(nn.GELU, 15, norm=nn.LayerNorm), adam(5e-4))
    ),
    healthy("weight_norm_adam", on(digits.digits, stacks.normed_weights, adam())),
    healthy(
        "dropout_heavy",
        on(digits.digits, mlp(nn.ReLU, 2, between=partial(nn.Dropout, 0.6)), adam(2e-3)),
    ),
    healthy(
        "sparse_relu", on(digits.digits, mlp(nn.ReLU, 2, width=256, start=he, bias=-1.0), adam())
    ),
    healthy(
        "loss_times_1e-6_sgd", on(digits.digits, stacks.shallow, sgd(5e4), loss=losses.times(1e-6))
    ),
    healthy(
        "loss_times_1e6_sgd", on(digits.digits, stacks.shallow, sgd(5e-8), loss=losses.times(1e6))
    ),
    healthy(
        "loss_times_1e-3_adam", on(digits.digits, stacks.shallow, adam(), loss=losses.times(1e-3))
    ),
    healthy(
        "loss_times_1e6_adam", on(digits.digits, stacks.shallow, adam(), loss=losses.times(1e6))
    ),
    healthy("loss_summed", on(digits.digits, stacks.shallow, sgd(1e-3), loss=losses.summed)),
    healthy("already_converged", on(digits.digits, stacks.trained, adam(1e-4))),
    healthy("one_batch_overfit", on(digits.first_32_digits, stacks.shallow, adam(3e-3))),
    healthy("zero_head", on(digits.digits, stacks.zero_head, adam())),
    healthy("rezero_20", on(digits.digits, stacks.scaled_residual(20, 0.0), adam())),
    healthy("layerscale_1e-6_mlp", on(digits.digits, stacks.scaled_residual(8, 1e-6), adam(2e-3))),
    healthy("reverse_registration", on(digits.digits, stacks.Reversed, adam())),
    healthy("one_layer_used_six_times", on(digits.digits, stacks.Repeated, adam())),
    healthy("straight_through", on(digits.digits, wiring.binarised, adam(2e-3))),
    healthy("bf16_weights_large_steps", on(digits.digits, wiring.half_weights, sgd(0.05))),
    healthy("layerwise_decay", on(digits.digits, mlp(nn.ReLU, 4), optimizers.layerwise(3e-3, 0.5))),
    healthy("warm_up_adamw", on(digits.digits, mlp(nn.ReLU, 4), warmed(adamw(3e-3)))),
    healthy("rmsprop", on(digits.digits, stacks.shallow, using(torch.optim.RMSprop, lr=5e-4))),
    healthy("adagrad", on(digits.digits, stacks.shallow, using(torch.optim.Adagrad, lr=0.01))),
    healthy("lion", on(digits.digits, mlp(nn.ReLU, 3), using(optimizers.Lion, lr=3e-4))),
    healthy("lars", on(digits.digits, mlp(nn.ReLU, 3), using(optimizers.Lars, lr=0.01))),
    healthy("clipped_to_1_sgd", on(digits.digits, mlp(nn.ReLU, 3), clipped(sgd(0.05), 1.0))),
    healthy("weight_decay_mild", on(digits.digits, mlp(nn.ReLU, 3), adamw(1e-3, weight_decay=0.1))),
    healthy("batch_of_two", on(digits.digits, stacks.shallow, sgd(0.005), batch_size=2)),
    healthy("batch_of_one", on(digits.digits, stacks.shallow, sgd(0.003), batch_size=1)),
    healthy(
        "digit_bits_multilabel",
        on(digits.digit_bits, mlp(nn.ReLU, 2, outputs=4), adam(), loss=losses.binary),
    ),
    healthy(
        "tumours_binary",
        on(tables.tumours, mlp(nn.ReLU, 2, inputs=30, outputs=1), adam(), loss=losses.binary),
    ),
    healthy(
        "tumours_tanh_sgd",
        on(tables.tumours, mlp(nn.Tanh, 2, inputs=30, outputs=1), sgd(), loss=losses.binary),
    ),
    healthy("wine", on(tables.wine, mlp(nn.ReLU, 2, inputs=13, outputs=3), adam())),
    healthy(
        "diabetes_scaled",
        on(tables.diabetes, mlp(nn.ReLU, 2, inputs=10, outputs=1), adam(), loss=losses.squared),
    ),
    healthy(
        "diabetes_raw_target",
        on(
            tables.raw_diabetes,
            mlp(nn.ReLU, 2, inputs=10, outputs=1),
            adam(1e-2),
            loss=losses.squared,
        ),
    ),
    healthy(
        "digit_value_regression",
        on(digits.digit_columns, mlp(nn.ReLU, 2, outputs=1), adam(), loss=losses.squared),
    ),
    healthy("logistic_regression", on(digits.digits, lambda: nn.Linear(64, 10), sgd())),
    healthy("relu_10_default_adam_recovers", on(digits.digits, mlp(nn.ReLU, 10), adam(3e-3))),
    healthy(
        "relu_12_default_rmsprop_recovers",
        on(digits.digits, mlp(nn.ReLU, 12), using(torch.optim.RMSprop, lr=2e-3)),
    ),
    healthy("tanh_15_default_adam_recovers", on(digits.digits, mlp(nn.Tanh, 15), adam(1e-3))),
    healthy("gelu_8_default_adam_recovers", on(digits.digits, mlp(nn.GELU, 8), adam(3e-3))),
    healthy(
        "sigmoid_3_sgd_slow_start", on(digits.digits, mlp(nn.Sigmoid, 3, start=xavier), sgd(0.3))
    ),
    healthy("sigmoid_5_adam_recovers", on(digits.digits, mlp(nn.Sigmoid, 5), adam(1e-2))),
    healthy(
        "tiny_start_relu_3_adam_recovers",
        on(digits.digits, mlp(nn.ReLU, 3, start=normal(0.01)), adam(3e-3)),
    ),
    healthy(
        "large_start_tanh_3_adam",
        on(digits.digits, mlp(nn.Tanh, 3, start=normal(0.4)), adam(3e-3)),
    ),
    healthy("raw_pixels_relu_adam", on(digits.raw_digits, mlp(nn.ReLU, 2), adam())),
    healthy(
        "relu_15_he_reverse_registration",
        on(digits.digits, lambda: Backwards(nn.ReLU, 15, he), adam(5e-4)),
    ),
    healthy(
        "batchnorm_batch_of_four",
        on(digits.digits, mlp(nn.ReLU, 3, norm=nn.BatchNorm1d), sgd(0.01), batch_size=4),
    ),
    healthy(
        "gan_discriminator",
        on(
            digits.forgeries,
            mlp(lambda: nn.LeakyReLU(0.2), 2, outputs=1),
            adam(2e-3),
            loss=losses.binary,
        ),
    ),
    healthy("moe_unused_experts", on(digits.digits, stacks.Experts, adam(3e-3))),
    healthy("lora_b_zero", on(digits.digits, stacks.lora, adam(5e-3))),
    healthy("frozen_backbone", on(digits.images, convolution.frozen_backbone, adam(5e-3))),
    healthy(
        "gru_language_model",
        on(
            texts.text,
            lambda: Letters(nn.GRU(32, 32, batch_first=True)),
            adam(5e-3),
            loss=losses.per_letter,
        ),
    ),
    healthy(
        "lstm_language_model_padded",
        on(
            texts.text,
            lambda: Letters(nn.LSTM(32, 32, batch_first=True), padded=True),
            adam(5e-3),
            loss=losses.per_letter,
        ),
    ),
    healthy(
        "embedding_mean_of_authors",
        on(
            texts.authors,
            lambda: Pooled(nn.Embedding(96, 32), nn.Linear(32, 32), 32, 6),
            adam(0.01),
        ),
    ),
    healthy(
        "text_convolution",
        on(
            texts.authors,
            lambda: nn.Sequential(
                nn.Embedding(96, 24),
                Apply(lambda x: x.mT),
                nn.Conv1d(24, 32, 5),
                nn.ReLU(),
                nn.AdaptiveMaxPool1d(1),
                nn.Flatten(),
                nn.Linear(32, 6),
            ),
            adam(5e-3),
        ),
    ),
    healthy(
        "gru_authors",
        on(
            texts.authors,
            lambda: Pooled(nn.Embedding(96, 24), nn.GRU(24, 32, batch_first=True), 32, 6),
            adam(5e-3),
            steps=200,
        ),
    ),
    healthy(
        "sparse_embedding_sgd",
        on(
            texts.authors,
            lambda: Pooled(nn.Embedding(96, 32, sparse=True), nn.Linear(32, 32), 32, 6),
            sgd(0.5, 0),
        ),
    ),
    healthy("muon_mlp", on(digits.digits, mlp(nn.GELU, 3), using(optimizers.Muon, lr=0.02))),
    healthy("radam_mish", on(digits.digits, mlp(nn.Mish, 4), using(torch.optim.RAdam, lr=5e-3))),
    healthy(
        "checkpointed_residual", on(digits.digits, lambda: stacks.Rematerialised(6), adamw(2e-3))
    ),
    healthy("spectral_norm_critic", on(digits.digits, stacks.spectral, adam(3e-3))),
    healthy(
        "label_smoothing",
        on(digits.digits, mlp(nn.SiLU, 3), adam(2e-3), loss=losses.smoothed),
    ),
    healthy(
        "focal_loss_tumours",
        on(
            tables.tumours,
            mlp(nn.ReLU, 2, inputs=30, outputs=1),
            adam(2e-3),
            loss=losses.focal,
        ),
    ),
    healthy(
        "class_weights_flowers",
        on(
            tables.flowers,
            mlp(nn.Tanh, 2, inputs=4, outputs=3, width=24),
            adam(5e-3),
            loss=losses.weighted,
        ),
    ),
    healthy(
        "quantile_regression",
        on(
            tables.diabetes,
            mlp(nn.ReLU, 2, inputs=10, outputs=3),
            adam(2e-3),
            loss=losses.quantiles,
        ),
    ),
    healthy(
        "huber_raw_progress",
        on(tables.progress, stacks.normed_input, adam(0.02), loss=losses.huber),
    ),
    healthy(
        "poisson_ink_counts",
        on(
            digits.ink_counts,
            mlp(nn.ReLU, 2, inputs=32, outputs=1),
            adam(3e-3),
            loss=losses.counts,
        ),
    ),
    healthy("batch_of_1024", on(digits.digits, mlp(nn.ReLU, 3), sgd(0.2), batch_size=1024)),
    healthy(
        "fine_tuning_rate_1e-5",
        on(digits.digits, stacks.practised(mlp(nn.ReLU, 3), 200), adam(1e-5)),
    ),
    healthy(
        "fine_tuning_half_trained_sgd",
        on(digits.digits, stacks.practised(mlp(nn.GELU, 3), 12), sgd(0.005)),
    ),
    healthy(
        "warm_restarts",
        on(
            digits.digits,
            mlp(nn.ReLU, 3),
            scheduled(sgd(0.1), optimizers.restarts(20)),
        ),
    ),
    healthy(
        "one_cycle",
        on(
            digits.digits,
            mlp(nn.ReLU, 4),
            scheduled(sgd(0.1), optimizers.cycle(300)),
        ),
    ),
    healthy(
        "one_hot_letters", on(texts.following, mlp(nn.ReLU, 2, inputs=768, outputs=96), adam())
    ),
    healthy(
        "one_hot_wine", on(tables.sorted_wine, mlp(nn.ReLU, 2, inputs=65, outputs=3), adam(2e-3))
    ),
    healthy("sparse_bags", on(texts.bags, mlp(nn.ReLU, 2, inputs=512, outputs=4), adam(2e-3))),
    healthy("hashing_embeddings", on(texts.hashed, stacks.embedded_bag, adam(0.02))),
    healthy("bare_parameters", on(digits.digits, stacks.Bare, adam())),
    healthy("sine_picture", on(photos.picture, stacks.picture, adam(1e-3), loss=losses.squared)),
    healthy("radial_kernels", on(digits.digits, stacks.Kernels, adam(5e-3))),
    healthy(
        "stochastic_weight_dropout",
        on(
            digits.digits,
            lambda: nn.Sequential(
                *(Skip(nn.Linear(64, 64), nn.GELU(), nn.Dropout(0.3)) for _ in range(5)),
                nn.Linear(64, 10),
            ),
            adamw(2e-3),
        ),
    ),
    healthy(
        "gru_of_measurements",
        on(
            tables.measured_in_turn,
            lambda: Pooled(nn.Linear(1, 16), nn.GRU(16, 32, batch_first=True), 32, 3),
            adam(5e-3),
            steps=200,
        ),
    ),
    healthy(
        "relu_4_he_asgd",
        on(digits.digits, mlp(nn.ReLU, 4, start=he), using(torch.optim.ASGD, lr=0.05)),
    ),
    healthy(
        "accelerated_rprop_full_batch",
        on(
            tables.wine,
            mlp(nn.Tanh, 2, inputs=13, outputs=3),
            using(torch.optim.Rprop, lr=1e-3),
            batch_size=178,
            steps=150,
        ),
    ),
    healthy(
        "kan_bumps_wine",
        briefly(
            tables.wine,
            lambda: nn.Sequential(stacks.Bumps(13, 16), stacks.Bumps(16, 3)),
            adam(5e-3),
        ),
    ),
    healthy(
        "distilled_student",
        briefly(digits.taught, mlp(nn.GELU, 2, width=32), sgd(0.02), loss=losses.distilled),
    ),
    healthy(
        "logistic_regression_tumours",
        briefly(tables.tumours, lambda: nn.Linear(30, 1), sgd(0.05, 0.0), loss=losses.binary),
    ),
    healthy(
        "margin_loss_digits",
        briefly(
            digits.digits,
            mlp(nn.Softplus, 2),
            using(torch.optim.Adamax, lr=5e-3),
            loss=losses.apart,
        ),
    ),
    healthy(
        "fourier_features_picture",
        briefly(photos.picture, stacks.fourier(), adam(3e-3), loss=losses.squared, batch_size=128),
    ),
    healthy(
        "tanh_3_full_batch_rprop",
        briefly(
            tables.wine,
            mlp(nn.Tanh, 3, width=24, inputs=13, outputs=3),
            using(torch.optim.Rprop, lr=1e-3),
            batch_size=178,
        ),
    ),
    healthy(
        "crossing_layers_wine", briefly(tables.wine, lambda: stacks.Crossed(13, 3, 3), adam(5e-3))
    ),
    healthy(
        "radial_centres_flowers",
        briefly(tables.flowers, lambda: stacks.Radial(4, 3, 1.0), adam(0.02)),
    ),
    healthy(
        "tanh_6_xavier_bags_rmsprop",
        briefly(
            texts.bags,
            mlp(nn.Tanh, 6, start=xavier, **of_bags),
            using(torch.optim.RMSprop, lr=5e-4),
        ),
    ),
    healthy(
        "selu_10_lecun_tumours",
        briefly(
            tables.tumours,
            mlp(nn.SELU, 10, start=lecun, **of_tumours),
            sgd(0.01),
            loss=losses.binary,
        ),
    ),
    healthy(
        "layernorm_16_gelu_digits",
        briefly(digits.digits, mlp(nn.GELU, 16, start=he, norm=nn.LayerNorm), adamw(1e-3)),
    ),
    healthy(
        "gru_of_text_clipped",
        briefly(
            texts.origins,
            lambda: Pooled(nn.Embedding(96, 24), nn.GRU(24, 24, batch_first=True), 24, 4),
            clipped(adam(5e-3), 1.0),
            steps=120,
        ),
    ),
    healthy(
        "letters_gru_sgd",
        briefly(
            texts.text,
            lambda: Letters(nn.GRU(32, 32, batch_first=True)),
            sgd(0.5, 0.9),
            loss=losses.per_letter,
            batch_size=16,
            steps=150,
        ),
    ),
    healthy(
        "relu6_3_adagrad",
        briefly(
            texts.bags, mlp(nn.ReLU6, 3, start=he, **of_bags), using(torch.optim.Adagrad, lr=0.02)
        ),
    ),
    healthy(
        "softplus_2_patients",
        briefly(
            tables.diabetes, mlp(nn.Softplus, 2, **of_patients), adam(5e-3), loss=losses.smooth
        ),
    ),
    healthy("sigmoid_1_wine_sgd", briefly(tables.wine, mlp(nn.Sigmoid, 1, **of_wine), sgd(0.3))),
    healthy(
        "policy_paid_for_digits",
        briefly(digits.digits, mlp(nn.Tanh, 2, start=xavier), adam(3e-3), loss=losses.expected),
    ),
    healthy(
        "hash_tables_picture",
        briefly(
            photos.coloured_places,
            stacks.Hashed,
            using(torch.optim.Adam, lr=1e-2, eps=1e-15),
            loss=losses.squared,
            batch_size=256,
        ),
    ),
    healthy(
        "factorisation_machine_wine",
        briefly(
            tables.sorted_wine, lambda: stacks.Factored(65, 3), using(torch.optim.Adagrad, lr=0.05)
        ),
    ),
    healthy("soft_tree_tumours", briefly(tables.wine, lambda: stacks.Tree(13, 3), adam(2e-2))),
    healthy("fixup_12_digits", briefly(digits.digits, stacks.fixed(12), sgd(0.05))),
    healthy(
        "gaussian_width_patients",
        briefly(tables.diabetes, stacks.patient(2), adam(5e-3), loss=losses.gaussian),
    ),
    healthy(
        "private_gradients_digits",
        briefly(
            digits.digits,
            mlp(nn.ReLU, 1),
            optimizers.private(sgd(0.1, 0.0), 1.0, 0.02),
            batch_size=128,
        ),
    ),
    healthy(
        "accumulated_over_four",
        briefly(
            digits.digits, mlp(nn.GELU, 3), using(optimizers.Accumulated, lr=3e-3), batch_size=8
        ),
    ),
    healthy(
        "lookahead_residual_digits",
        briefly(
            digits.digits,
            lambda: nn.Sequential(
                nn.Linear(64, 48),
                *(
                    Skip(nn.LayerNorm(48), nn.Linear(48, 48), nn.Mish(), nn.Linear(48, 48))
                    for _ in range(5)
                ),
                nn.Linear(48, 10),
            ),
            using(optimizers.Lookahead, lr=2e-3),
        ),
    ),
    healthy(
        "rate_falls_to_zero_in_40",
        briefly(
            digits.digits, mlp(nn.ReLU, 2), scheduled(adamw(5e-3), optimizers.cosine(40)), steps=100
        ),
    ),
    healthy(
        "two_slow_units_flowers",
        briefly(
            tables.flowers,
            mlp(nn.Tanh, 1, width=2, inputs=4, outputs=3, start=xavier),
            sgd(0.01, 0.0),
            batch_size=16,
            steps=600,
        ),
    ),
    healthy(
        "adadelta_elu_bags",
        briefly(
            texts.bags, mlp(nn.ELU, 2, inputs=512, outputs=4), using(torch.optim.Adadelta, lr=1.0)
        ),
    ),
    healthy(
        "faint_inputs_and_faint_loss",
        briefly(
            digits.digits,
            lambda: nn.Sequential(
                Apply(lambda v: 1e-3 * v), nn.BatchNorm1d(64), *mlp(nn.LeakyReLU, 3)()
            ),
            sgd(500.0),
            loss=losses.times(1e-4),
        ),
    ),
    healthy(
        "sparse_adam_of_bags",
        briefly(texts.hashed, stacks.rare_words, using(torch.optim.SparseAdam, lr=1e-2)),
    ),
    healthy(
        "residual_40_normed_sgd",
        briefly(digits.digits, stacks.deep_residual(40, None, True), sgd(0.02), steps=100),
    ),
    healthy(
        "triangular_rate_prelu",
        briefly(digits.digits, mlp(nn.PReLU, 2), scheduled(sgd(0.1, 0.8), optimizers.triangle)),
    ),
    healthy(
        "tanh_4_adagrad_batch_of_4",
        briefly(
            tables.wine,
            mlp(nn.Tanh, 4, start=lecun, **of_wine),
            using(torch.optim.Adagrad, lr=5e-3),
            batch_size=4,
        ),
    ),
)
