"""A leaky recurrent net has to say at the end which tone was played at the start, after a noisy pause."""

import sys

import torch
from torch import nn

what = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
TONES, LENGTH = 6, 40


class LeakyRNN(nn.Module):
    """h <- (1 - alpha) h + alpha tanh(W x + U h), as in models of cortex"""

    def __init__(self, n_in, n_hidden, n_out, alpha=0.05):
        super().__init__()
        self.W = nn.Linear(n_in, n_hidden)
        self.U = nn.Linear(n_hidden, n_hidden, bias=False)
        self.readout = nn.Linear(n_hidden, n_out)
        self.alpha = alpha
        self.n_hidden = n_hidden

    def forward(self, x):
        h = x.new_zeros(x.shape[0], self.n_hidden)
        drive = self.W(x)
        for t in range(x.shape[1]):
            new = torch.tanh(drive[:, t] + self.U(h))
            if what == "buggy":
                h = self.alpha * h + (1 - self.alpha) * new
            else:
                h = (1 - self.alpha) * h + self.alpha * new
        return self.readout(h)


def trials(n):
    tone = torch.randint(0, TONES, (n,))
    x = 0.3 * torch.randn(n, LENGTH, TONES)
    x[:, :3] += 2 * nn.functional.one_hot(tone, TONES).float().unsqueeze(1)
    return x, tone


rnn = LeakyRNN(TONES, 48, TONES)
opt = torch.optim.Adam(rnn.parameters(), lr=3e-3)
for trial in range(200):
    x, tone = trials(48)
    loss = nn.functional.cross_entropy(rnn(x), tone)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(rnn.parameters(), 1.0)
    opt.step()
    if trial % 50 == 49:
        print(trial + 1, loss.item())

with torch.no_grad():
    x, tone = trials(600)
    accuracy = (rnn(x).argmax(1) == tone).float().mean().item()
print("accuracy", accuracy, "chance", 1 / TONES)
