"""Encoder and decoder GRU with an optimizer each: the next 8 values of a tide gauge."""

import sys

import torch
import torch.nn as nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
PAST, FUTURE = 24, 8


def gauge(n):
    t = torch.arange(PAST + FUTURE) + 100 * torch.rand(n, 1)
    period = 9 + 6 * torch.rand(n, 1)
    series = torch.sin(6.283 * t / period) + 0.5 * torch.sin(12.57 * t / period + 1)
    series = series + 0.05 * torch.randn(n, PAST + FUTURE)
    return series[:, :PAST, None], series[:, PAST:, None]


class Encoder(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)

    def forward(self, past):
        return self.gru(past)[1]


class Decoder(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, last, h):
        outputs = []
        for _ in range(FUTURE):
            o, h = self.gru(last, h)
            last = self.out(o)
            outputs.append(last)
        return torch.cat(outputs, 1)


def train_step(past, future):
    loss = mse(decoder(past[:, -1:], encoder(past)), future)
    encoder_optimizer.zero_grad()
    if version == "buggy":
        encoder_optimizer.zero_grad()
    else:
        decoder_optimizer.zero_grad()
    loss.backward()
    encoder_optimizer.step()
    decoder_optimizer.step()
    return loss.item()


encoder, decoder = Encoder(48), Decoder(48)
encoder_optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-2)
decoder_optimizer = torch.optim.Adam(decoder.parameters(), lr=1e-2)
mse = nn.MSELoss()
for step in range(250):
    loss = train_step(*gauge(32))
    if step % 50 == 0:
        print(f"step {step} loss {loss:.4f}")
past, future = gauge(400)
with torch.no_grad():
    error = mse(decoder(past[:, -1:], encoder(past)), future)
print("R2", (1 - error / future.var(unbiased=False)).item(), "mean", 0.0)
