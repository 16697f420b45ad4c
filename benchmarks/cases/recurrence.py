"""Sick: too many steps through a recurrent layer."""

import torch
from torch import nn

from benchmarks.cases.case import briefly, caused, on, vanishing
from benchmarks.cases.networks import recurrence
from benchmarks.cases.networks.basic import normal, orthogonal
from benchmarks.cases.optimizers import adam, adamw, sgd, using
from benchmarks.cases.sources import digits, tables, texts

LONG_RECURRENCE = (
    vanishing(
        "rnn_wait_40",
        on(digits.rows, recurrence.rnn(waiting=40), adam(), steps=200),
        model=recurrence.rnn(waiting=40, recurrent=nn.init.orthogonal_),
    ),
    vanishing(
        "rnn_wait_60_rmsprop",
        on(digits.rows, recurrence.rnn(waiting=60), using(torch.optim.RMSprop, lr=5e-4), steps=200),
        model=recurrence.rnn(waiting=60, recurrent=nn.init.orthogonal_),
    ),
    vanishing(
        "rnn_wait_25",
        on(digits.rows, recurrence.rnn(waiting=25), adam(5e-4), steps=200),
        model=recurrence.rnn(waiting=25, recurrent=nn.init.orthogonal_),
    ),
    vanishing(
        "rnn_relu_wait_30",
        on(digits.rows, recurrence.rnn(waiting=30, nonlinearity="relu"), adam(5e-4), steps=200),
        model=recurrence.rnn(waiting=30, nonlinearity="relu", recurrent=nn.init.eye_),
    ),
    vanishing(
        "rnn_64_pixels",
        on(digits.pixel_rows, recurrence.rnn(inputs=1), adam(), steps=200),
        model=recurrence.rnn(inputs=1, recurrent=nn.init.orthogonal_),
    ),
    vanishing(
        "rnn_two_layers_wait_40",
        on(digits.rows, recurrence.rnn(waiting=40, num_layers=2), adam(), steps=200),
        model=recurrence.rnn(waiting=40, num_layers=2, recurrent=nn.init.orthogonal_),
    ),
    vanishing(
        "rnn_small_recurrent_wait_12",
        on(digits.rows, recurrence.rnn(waiting=12, recurrent=normal(0.01)), sgd(0.01)),
        model=recurrence.rnn(waiting=12, recurrent=nn.init.orthogonal_),
    ),
    vanishing(
        "gru_wait_60",
        on(digits.rows, recurrence.rnn(kind=nn.GRU, waiting=60), adam(), steps=200),
        model=recurrence.rnn(kind=nn.GRU, waiting=60, gate=3.0),
    ),
    vanishing(
        "gru_update_gate_-4",
        on(digits.rows, recurrence.rnn(kind=nn.GRU, waiting=15, gate=-4.0), adam(), steps=200),
        model=recurrence.rnn(kind=nn.GRU, waiting=15, gate=3.0),
    ),
    vanishing(
        "lstm_wait_40",
        on(digits.rows, recurrence.rnn(kind=nn.LSTM, waiting=40), adam(2e-3), steps=200),
        model=recurrence.lstm(4.0, 40),
    ),
    vanishing(
        "lstm_forget_gate_-5",
        on(digits.rows, recurrence.lstm(-5.0), adam(2e-3), steps=200),
        model=recurrence.lstm(4.0),
    ),
    vanishing(
        "lstm_forget_gate_-3_short",
        on(digits.rows, recurrence.lstm(-3.0, 10), adam(2e-3), steps=200),
        model=recurrence.lstm(3.0, 10),
    ),
    vanishing(
        "leaky_memory_forgets",
        on(digits.rows, lambda: recurrence.Leaky(0.6, 24), adam(2e-3), steps=200),
        model=lambda: recurrence.Leaky(0.98, 24),
    ),
    vanishing(
        "lstm_cells_forget",
        on(digits.rows, lambda: recurrence.Cells(-4.0, 16), adam(3e-3), steps=200),
        model=lambda: recurrence.Cells(3.0, 16),
    ),
    vanishing(
        "wines_then_40_empty_places",
        briefly(tables.measured_in_turn, lambda: recurrence.Waiting(40, None, 0.0), adam(2e-3)),
        model=lambda: recurrence.Waiting(40, nn.init.eye_, 0.0),
    ),
    vanishing(
        "wines_leak_30_places",
        briefly(tables.measured_in_turn, lambda: recurrence.Waiting(30, None, 0.3), sgd(0.05)),
        model=lambda: recurrence.Waiting(0, nn.init.eye_, 0.3),
    ),
    vanishing(
        "rnn_of_wine_waits_30",
        briefly(tables.measured_in_turn, recurrence.cells(nn.RNN, wait=30), adam(2e-3)),
        model=recurrence.cells(nn.RNN, wait=30, pooled=True),
    ),
    vanishing(
        "gru_of_wine_waits_50_adamw",
        briefly(tables.measured_in_turn, recurrence.cells(nn.GRU, wait=50), adamw(2e-3), steps=150),
        model=recurrence.cells(nn.GRU, wait=50, pooled=True),
    ),
    vanishing(
        "first_letter_after_43_others",
        briefly(texts.first_letters, recurrence.Listener, adam(2e-3), steps=200),
        model=lambda: recurrence.Listener(both_ends=True),
    ),
    vanishing(
        "minimal_unit_overwrites",
        briefly(digits.rows, lambda: recurrence.Minimal(2.0, 24), adam(2e-3), steps=150),
        model=lambda: recurrence.Minimal(-4.0, 24),
    ),
    vanishing(
        "one_tanh_turned_30_times",
        briefly(
            tables.wine,
            lambda: recurrence.Turning(nn.Tanh, 30, orthogonal(0.6)),
            adam(1e-3),
            steps=200,
        ),
        model=lambda: recurrence.Turning(nn.Tanh, 30, orthogonal(1.0)),
    ),
    vanishing(
        "memory_by_hand_waits_40",
        briefly(digits.rows, lambda: recurrence.Cell(-2.0, 40), adam(3e-3), steps=150),
        model=lambda: recurrence.Cell(4.0, 40),
    ),
)
CASES = (*caused("long-recurrence", LONG_RECURRENCE),)
