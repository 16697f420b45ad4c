"""Sick: parts that are cut off, frozen, not registered, not optimized or compared in the wrong shape."""

import torch
from torch import Tensor, nn

from benchmarks.cases import losses, optimizers
from benchmarks.cases.case import briefly, caused, on, other
from benchmarks.cases.networks import codes, recurrence, sets, wiring
from benchmarks.cases.networks.basic import Apply, mlp, of_bags, of_columns, of_patients, of_sizes
from benchmarks.cases.optimizers import adam, adamw, only, sgd
from benchmarks.cases.sources import digits, photos, tables, texts

DETACHED_GRAPH = (
    other(
        "encoder_detached",
        "disconnected-parameter",
        on(digits.digits, wiring.encoded(Tensor.detach), optimizers.fast),
        model=wiring.whole_code,
    ),
    other(
        "encoder_by_data",
        "disconnected-parameter",
        on(digits.digits, wiring.encoded(lambda value: value.data), optimizers.fast),
        model=wiring.whole_code,
    ),
    other(
        "encoder_by_list",
        "disconnected-parameter",
        on(digits.digits, wiring.encoded(wiring.rewritten), optimizers.fast),
        model=wiring.whole_code,
    ),
    other(
        "encoder_detached_tumours",
        "disconnected-parameter",
        on(
            tables.tumours,
            lambda: nn.Sequential(
                nn.Linear(30, 32),
                nn.ReLU(),
                nn.Linear(32, 1),
                Apply(Tensor.detach),
                nn.Linear(1, 1),
            ),
            optimizers.fast,
            loss=losses.binary,
        ),
        model=lambda: nn.Sequential(
            nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1), Apply(wiring.same), nn.Linear(1, 1)
        ),
    ),
    other(
        "text_code_by_array",
        "disconnected-parameter",
        on(texts.origins, wiring.squeezed(wiring.by_array, code=2), adam(0.01), steps=200),
        model=wiring.squeezed(wiring.same, code=2),
    ),
    other(
        "deep_set_by_list",
        "disconnected-parameter",
        briefly(
            tables.measured_in_turn,
            lambda: sets.DeepSet(wiring.held(wiring.rewritten)),
            adam(5e-3),
        ),
        model=sets.DeepSet,
    ),
    other(
        "wine_set_detached",
        "disconnected-parameter",
        briefly(
            tables.measured_in_turn,
            lambda: sets.DeepSet(wiring.held(lambda v: v.detach())),
            adamw(5e-3),
        ),
        model=sets.DeepSet,
    ),
    other(
        "translator_detached",
        "disconnected-parameter",
        briefly(
            texts.backwards,
            lambda: recurrence.Translator(Tensor.detach),
            adam(5e-3),
            loss=losses.per_letter,
            batch_size=16,
            steps=200,
        ),
        model=recurrence.Translator,
    ),
    other(
        "mirrored_code_detached",
        "disconnected-parameter",
        briefly(
            digits.copies,
            lambda: nn.Sequential(codes.Mirrored(), Apply(Tensor.detach), nn.Linear(64, 64)),
            adam(2e-3),
            loss=losses.squared,
        ),
        model=lambda: nn.Sequential(codes.Mirrored(), nn.Linear(64, 64)),
    ),
)
UNREGISTERED_MODULES = (
    other(
        "encoder_in_list",
        "disconnected-parameter",
        on(digits.digits, lambda: wiring.Listed(list), optimizers.fast),
        model=lambda: wiring.Listed(nn.ModuleList),
    ),
    other(
        "encoder_in_dict",
        "disconnected-parameter",
        on(digits.digits, lambda: wiring.Listed(dict, named=True), optimizers.fast),
        model=lambda: wiring.Listed(nn.ModuleDict, named=True),
    ),
    other(
        "photo_branches_in_tuple",
        "disconnected-parameter",
        on(photos.photos, lambda: wiring.Hidden(tuple), adam(3e-3), steps=200),
        model=lambda: wiring.Hidden(nn.ModuleList),
    ),
    other(
        "readers_in_a_list",
        "disconnected-parameter",
        briefly(texts.origins, lambda: wiring.Parts(list), adam(5e-3), steps=250),
        model=lambda: wiring.Parts(nn.ModuleList),
    ),
)
NON_DIFFERENTIABLE_OPERATION = (
    other(
        "code_rounded",
        "zero-gradient",
        on(digits.digits, wiring.encoded(torch.round), optimizers.fast),
        model=wiring.whole_code,
    ),
    other(
        "code_signs",
        "zero-gradient",
        on(digits.digits, wiring.encoded(torch.sign, 4), optimizers.fast),
        model=wiring.encoded(wiring.same, 4),
    ),
    other(
        "code_chosen_by_argmax",
        "disconnected-parameter",
        on(digits.digits, wiring.encoded(wiring.chosen, 6), optimizers.fast),
        model=wiring.encoded(wiring.same, 6),
    ),
    other(
        "hidden_floor",
        "zero-gradient",
        on(digits.digits, wiring.encoded(lambda value: (4 * value).floor() / 4), optimizers.fast),
        model=wiring.whole_code,
    ),
    other(
        "text_code_stepped",
        "disconnected-parameter",
        on(texts.origins, wiring.squeezed(wiring.stepped), adam(0.01), steps=200),
        model=wiring.squeezed(wiring.same),
    ),
    other(
        "deep_set_of_signs",
        "disconnected-parameter",
        briefly(
            tables.measured_in_turn, lambda: sets.DeepSet(wiring.held(wiring.ticked)), adam(5e-3)
        ),
        model=sets.DeepSet,
    ),
    other(
        "wine_code_by_comparison",
        "disconnected-parameter",
        briefly(tables.wine, lambda: wiring.Snapped(hard=True), adam(5e-3)),
        model=lambda: wiring.Snapped(hard=False),
    ),
    other(
        "best_row_taken_alone",
        "disconnected-parameter",
        briefly(digits.rows, lambda: wiring.Chosen(hard=True), adamw(3e-3)),
        model=lambda: wiring.Chosen(hard=False),
    ),
)
OPTIMIZER_MISSES_PARAMETERS = (
    other(
        "optimizer_of_head",
        "not-in-optimizer",
        on(digits.digits, wiring.whole_code, only("head", torch.optim.Adam, lr=1e-2)),
        optimizer=optimizers.fast,
    ),
    other(
        "optimizer_of_encoder_tail",
        "not-in-optimizer",
        on(digits.digits, wiring.whole_code, only("encoder.2", torch.optim.SGD, lr=1e-3)),
        optimizer=optimizers.fast,
    ),
    other(
        "optimizer_of_photo_head",
        "not-in-optimizer",
        on(photos.photos, wiring.Head, only("head", torch.optim.SGD, lr=0.05), steps=200),
        optimizer=sgd(0.05),
    ),
    other(
        "optimizer_of_decoder",
        "not-in-optimizer",
        briefly(
            tables.measured_in_turn,
            sets.DeepSet,
            only("head", torch.optim.AdamW, lr=1e-3),
        ),
        optimizer=adamw(5e-3),
    ),
    other(
        "layers_replaced_after_the_optimizer",
        "not-in-optimizer",
        briefly(texts.bags, mlp(nn.ReLU, 2, **of_bags), optimizers.before_its_head, steps=150),
        optimizer=adamw(3e-3),
    ),
    other(
        "angles_without_their_ways",
        "not-in-optimizer",
        briefly(
            digits.digits,
            codes.Angles,
            lambda model: torch.optim.AdamW(model.get_submodule("body.0").parameters(), lr=5e-4),
            steps=100,
        ),
        optimizer=adamw(5e-3),
    ),
)
FROZEN_PARAMETERS = (
    other(
        "frozen_but_biases",
        "stalled-loss",
        on(digits.digits, lambda: wiring.Frozen(frozen=True), adam()),
        model=lambda: wiring.Frozen(frozen=False),
    ),
    other(
        "frozen_narrow_body",
        "stalled-loss",
        on(digits.digits, lambda: wiring.Frozen(frozen=True, code=2), optimizers.fast),
        model=lambda: wiring.Frozen(frozen=False, code=2),
    ),
    other(
        "frozen_but_biases_sgd",
        "stalled-loss",
        on(digits.unit_digits, lambda: wiring.Frozen(frozen=True), sgd(0.01)),
        model=lambda: wiring.Frozen(frozen=False),
    ),
    other(
        "text_of_which_biases_learn",
        "stalled-loss",
        briefly(texts.origins, wiring.frozen_text(frozen=True), adam(1e-3), steps=150),
        model=wiring.frozen_text(frozen=False),
    ),
)
TARGET_SHAPE_BROADCAST = (
    other(
        "column_against_row",
        "stalled-loss",
        on(digits.digit_scores, wiring.one_column, adam(), loss=losses.squared),
        source=digits.digit_columns,
    ),
    other(
        "column_against_row_diabetes",
        "stalled-loss",
        on(
            tables.flat_diabetes, mlp(nn.ReLU, 2, inputs=10, outputs=1), adam(), loss=losses.squared
        ),
        source=tables.diabetes,
    ),
    other(
        "flower_lengths_broadcast",
        "stalled-loss",
        on(tables.flower_lengths, mlp(nn.ReLU, 2, **of_columns), adam(2e-3), loss=losses.squared),
        source=tables.flower_columns,
    ),
    other(
        "tumour_sizes_broadcast",
        "stalled-loss",
        briefly(tables.tumour_sizes, mlp(nn.ELU, 2, **of_sizes), adam(2e-3), loss=losses.squared),
        source=tables.tumour_columns,
    ),
    other(
        "brightness_broadcast",
        "stalled-loss",
        briefly(
            photos.scaled_brightness,
            wiring.regressor(column=True),
            adam(1e-3),
            loss=losses.absolute,
            steps=150,
        ),
        source=photos.brightness_columns,
    ),
    other(
        "rows_against_column_of_patients",
        "stalled-loss",
        briefly(tables.diabetes, wiring.flat, adam(2e-3), loss=losses.squared),
        model=mlp(nn.SiLU, 2, **of_patients),
    ),
)
NONE = (
    other(
        "root_of_zero",
        "non-finite",
        on(photos.flat_photos, lambda: wiring.Divided(0.0), adam(), loss=losses.binary),
        model=lambda: wiring.Divided(1e-6),
    ),
)
CASES = (
    *caused("detached-graph", DETACHED_GRAPH),
    *caused("unregistered-modules", UNREGISTERED_MODULES),
    *caused("non-differentiable-operation", NON_DIFFERENTIABLE_OPERATION),
    *caused("optimizer-misses-parameters", OPTIMIZER_MISSES_PARAMETERS),
    *caused("frozen-parameters", FROZEN_PARAMETERS),
    *caused("target-shape-broadcast", TARGET_SHAPE_BROADCAST),
    *caused("none", NONE),
)
