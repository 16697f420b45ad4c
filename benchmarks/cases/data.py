"""Sick: inputs and labels that teach nothing or are of the wrong size."""

from torch import nn

from benchmarks.cases import losses
from benchmarks.cases.case import briefly, caused, on, other, vanishing
from benchmarks.cases.networks import codes, convolution, stacks
from benchmarks.cases.networks.basic import (
    he,
    mlp,
    normal,
    of_irises,
    of_irises_32,
    of_pieces,
    of_tumours,
    of_wine,
    xavier,
)
from benchmarks.cases.optimizers import adam, adamw, sgd
from benchmarks.cases.sources import digits, photos, tables, texts

UNNORMALIZED_INPUT = (
    vanishing(
        "raw_pixels_sigmoid",
        on(digits.raw_digits, mlp(nn.Sigmoid, 2), sgd()),
        source=digits.digits,
    ),
    vanishing(
        "raw_pixels_tanh_3",
        on(digits.raw_digits, mlp(nn.Tanh, 3, start=xavier), sgd(0.02)),
        source=digits.digits,
    ),
    vanishing(
        "raw_pixels_tanh_adam",
        on(digits.raw_digits, mlp(nn.Tanh, 2, start=normal(0.3)), adam(3e-4)),
        source=digits.digits,
    ),
    vanishing(
        "raw_wine_tanh",
        on(tables.raw_wine, mlp(nn.Tanh, 2, inputs=13, outputs=3), sgd(0.02)),
        source=tables.wine,
    ),
    vanishing(
        "raw_wine_sigmoid_adam",
        on(tables.raw_wine, mlp(nn.Sigmoid, 2, inputs=13, outputs=3), adam()),
        source=tables.wine,
    ),
    vanishing(
        "raw_tumours_tanh",
        on(tables.raw_tumours, mlp(nn.Tanh, 3, **of_tumours), sgd(0.02), loss=losses.binary),
        source=tables.tumours,
    ),
    vanishing(
        "raw_tumours_sigmoid",
        on(tables.raw_tumours, mlp(nn.Sigmoid, 2, **of_tumours), sgd(0.02), loss=losses.binary),
        source=tables.tumours,
    ),
    vanishing(
        "raw_pixels_tanh_4",
        on(digits.raw_digits, mlp(nn.Tanh, 4), sgd(0.02)),
        source=digits.digits,
    ),
    vanishing(
        "raw_wine_tanh_3_sgd",
        on(tables.raw_wine, mlp(nn.Tanh, 3, inputs=13, outputs=3), sgd(0.05)),
        source=tables.wine,
    ),
    vanishing(
        "raw_tumours_tanh_2_sgd",
        on(tables.raw_tumours, mlp(nn.Tanh, 2, **of_tumours), sgd(0.05), loss=losses.binary),
        source=tables.tumours,
    ),
    vanishing(
        "flowers_in_tiny_units",
        on(tables.tiny_unit_flowers, mlp(nn.Tanh, 2, width=32, **of_irises), adam()),
        source=tables.flowers,
    ),
    vanishing(
        "wine_with_time_stamp",
        on(tables.stamped_wine, mlp(nn.Sigmoid, 2, inputs=14, outputs=3), adam(2e-3)),
        source=tables.unstamped_wine,
    ),
    vanishing(
        "photos_0_to_255_tanh",
        briefly(photos.raw_photos, convolution.photo_tanh, sgd(0.02)),
        source=photos.photos,
    ),
    vanishing(
        "wine_in_grams_softsign",
        briefly(tables.in_grams, mlp(nn.Softsign, 3, start=xavier, **of_wine), sgd(0.05)),
        source=tables.wine,
    ),
    vanishing(
        "wine_raw_hardtanh_4",
        briefly(tables.raw_wine, mlp(nn.Hardtanh, 4, start=xavier, **of_wine), adamw(1e-3)),
        source=tables.wine,
    ),
    vanishing(
        "letters_as_numbers_tanh",
        briefly(texts.bare_letters, mlp(nn.Tanh, 3, start=xavier, **of_pieces), sgd(0.02)),
        source=texts.scaled_letters,
    ),
    vanishing(
        "letters_as_numbers_sigmoid_adam",
        briefly(texts.bare_letters, mlp(nn.Sigmoid, 2, start=xavier, **of_pieces), adam(5e-4)),
        source=texts.scaled_letters,
    ),
    vanishing(
        "photos_of_16_bits_arcs",
        briefly(
            photos.deep_photos, convolution.photo_net(stacks.arc, 2, xavier), sgd(0.02), steps=150
        ),
        source=photos.photos,
    ),
    vanishing(
        "photos_0_to_255_sigmoid_adam",
        briefly(
            photos.raw_photos, convolution.photo_net(nn.Sigmoid, 2, xavier), adam(5e-4), steps=150
        ),
        source=photos.photos,
    ),
)
DEGENERATE_DATA = (
    other(
        "nan_in_data",
        "non-finite",
        on(digits.broken_digits, stacks.shallow, adam()),
        source=digits.digits,
    ),
    other(
        "pixels_all_zero",
        "stalled-loss",
        on(digits.blank_digits, stacks.shallow, adam()),
        source=digits.unit_digits,
    ),
    other(
        "images_all_alike",
        "stalled-loss",
        on(digits.constant_digits, stacks.shallow, adam()),
        source=digits.digits,
    ),
    other(
        "flowers_missing_measurements",
        "non-finite",
        on(tables.broken_flowers, mlp(nn.ReLU, 2, **of_irises_32), adam()),
        source=tables.flowers,
    ),
    other(
        "flow_of_gappy_tumours",
        "non-finite",
        briefly(
            tables.gappy_tumours, lambda: codes.Autoregressive(30), adam(3e-3), loss=losses.average
        ),
        source=tables.whole_tumours,
    ),
    other(
        "logarithm_of_wines_with_gaps",
        "non-finite",
        briefly(tables.logged_wine, mlp(nn.GELU, 2, **of_wine), adam(3e-3), steps=100),
        source=tables.clean_logged_wine,
    ),
)
LABELS_WITHOUT_SIGNAL = (
    other(
        "labels_shuffled",
        "stalled-loss",
        on(digits.shuffled_digits, stacks.shallow, adam()),
        source=digits.digits,
    ),
    other(
        "labels_shuffled_tumours",
        "stalled-loss",
        on(
            tables.shuffled_tumours,
            mlp(nn.ReLU, 1, width=8, inputs=30, outputs=1),
            adam(),
            loss=losses.binary,
        ),
        source=tables.tumours,
    ),
    other(
        "wine_with_shuffled_growers",
        "stalled-loss",
        on(tables.shuffled_wine, mlp(nn.ReLU, 1, width=6, **of_wine), sgd(0.02)),
        source=tables.wine,
    ),
    other(
        "flowers_with_shuffled_species",
        "stalled-loss",
        briefly(tables.shuffled_flowers, mlp(nn.SiLU, 2, inputs=4, outputs=3), adam(1e-3)),
        source=tables.flowers,
    ),
    other(
        "labels_shuffled_digits_gelu",
        "stalled-loss",
        briefly(digits.shuffled_digits, mlp(nn.GELU, 2), sgd(0.02)),
        source=digits.digits,
    ),
    other(
        "names_of_shuffled_kinds",
        "stalled-loss",
        briefly(
            texts.shuffled_characters, convolution.text_net(nn.ReLU, 2, he), sgd(0.02), steps=150
        ),
        source=texts.characters,
    ),
    other(
        "photos_of_shuffled_origin",
        "stalled-loss",
        briefly(photos.shuffled_photos, convolution.instance, sgd(0.02), batch_size=64, steps=100),
        source=photos.photos,
    ),
)
CASES = (
    *caused("unnormalized-input", UNNORMALIZED_INPUT),
    *caused("degenerate-data", DEGENERATE_DATA),
    *caused("labels-without-signal", LABELS_WITHOUT_SIGNAL),
)
