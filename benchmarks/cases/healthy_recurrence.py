"""Healthy: recurrent networks, and layers applied again and again."""

from torch import nn

from benchmarks.cases import losses
from benchmarks.cases.case import briefly, healthy, on
from benchmarks.cases.networks import recurrence
from benchmarks.cases.networks.basic import Pooled, Reader
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd
from benchmarks.cases.sources import digits, photos, texts

CASES = (
    healthy("rnn_8_rows", on(digits.rows, Reader, adam(2e-3))),
    healthy("lstm_8_rows", on(digits.rows, lambda: Reader(nn.LSTM), adam(5e-3))),
    healthy(
        "gru_bidirectional",
        on(digits.rows, lambda: Reader(nn.GRU, bidirectional=True), adam(3e-3)),
    ),
    healthy(
        "lstm_two_layers_dropout",
        on(digits.rows, lambda: Reader(nn.LSTM, num_layers=2, dropout=0.2), adam(5e-3)),
    ),
    healthy(
        "rnn_wait_40_orthogonal",
        on(
            digits.rows,
            lambda: Reader(waiting=40, recurrent=nn.init.orthogonal_),
            adam(),
            steps=200,
        ),
    ),
    healthy(
        "tied_language_model", on(texts.text, recurrence.Tied, adam(5e-3), loss=losses.per_letter)
    ),
    healthy(
        "tagger_ignored_places",
        on(
            texts.kinds_of_letters, recurrence.Tagger, adam(5e-3), loss=losses.asked_only, steps=200
        ),
    ),
    healthy("neural_differential_equation", on(digits.digits, recurrence.Euler, adam(3e-3))),
    healthy(
        "elman_tied_clipped_sgd",
        on(texts.text, recurrence.TiedReader, clipped(sgd(1.0, 0), 0.25), loss=losses.per_letter),
    ),
    healthy("equilibrium_layer", briefly(digits.digits, recurrence.Equilibrium, adam(2e-3))),
    healthy(
        "mamba_rows", briefly(digits.rows, recurrence.mamba, adamw(3e-3), batch_size=16, steps=120)
    ),
    healthy(
        "state_space_of_pixels",
        briefly(
            digits.pixel_rows,
            lambda: Pooled(
                nn.Linear(1, 16), nn.Sequential(recurrence.Spaced(16), recurrence.Spaced(16)), 16
            ),
            adamw(5e-3),
        ),
    ),
    healthy(
        "ctc_three_digits",
        briefly(
            digits.three_digits, recurrence.Hearing, adam(1e-2), loss=losses.spelled, steps=250
        ),
    ),
    healthy(
        "translator_reverses_letters",
        briefly(
            texts.backwards,
            recurrence.Translator,
            clipped(adam(5e-3), 1.0),
            loss=losses.per_letter,
            batch_size=16,
            steps=200,
        ),
    ),
    healthy(
        "random_field_tagger",
        briefly(
            texts.kinds_of_letters, recurrence.Chain, adam(1e-2), loss=losses.of_chain, steps=80
        ),
    ),
    healthy(
        "orthogonal_recurrence_rows",
        briefly(digits.rows, recurrence.Rotating, adam(5e-3), steps=120),
    ),
    healthy(
        "photo_seen_four_times", briefly(photos.photos, recurrence.Watching, adam(5e-3), steps=120)
    ),
    healthy(
        "normed_memory_rows",
        briefly(digits.rows, lambda: recurrence.Cell(1.0, 0, norm=True), adam(1e-2), steps=150),
    ),
)
