"""LSTM language model with the settings of the PyTorch example: SGD, lr 20, clipping at 0.25."""

import argparse
import math

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=["fixed"])
parser.add_argument("seed", type=int, nargs="?", default=0)
parser.add_argument("--lr", type=float, default=20)
parser.add_argument("--clip", type=float, default=0.25)
parser.add_argument("--bptt", type=int, default=12)
args = parser.parse_args()
torch.manual_seed(args.seed)
TOKENS, BATCH = 25, 16


def corpus(n):
    follow = torch.Generator().manual_seed(5)
    table = torch.randint(0, TOKENS, (TOKENS, 2), generator=follow)
    out = [0]
    for _ in range(n - 1):
        likely = int(table[out[-1], int(torch.rand(1) < 0.15)])
        out.append(likely if torch.rand(1) < 0.95 else int(torch.randint(0, TOKENS, (1,))))
    return torch.tensor(out).view(BATCH, -1).t().contiguous()


class RNNModel(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.encoder = nn.Embedding(TOKENS, size)
        self.rnn = nn.LSTM(size, size)
        self.decoder = nn.Linear(size, TOKENS)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)

    def forward(self, x, hidden):
        out, hidden = self.rnn(self.encoder(x), hidden)
        return self.decoder(out), hidden


train, valid = corpus(12800), corpus(3200)
model = RNNModel()
for epoch in range(4):
    hidden = None
    for i in range(0, len(train) - 1, args.bptt):
        length = min(args.bptt, len(train) - 1 - i)
        if hidden is not None:
            hidden = tuple(h.detach() for h in hidden)
        model.zero_grad()
        output, hidden = model(train[i : i + length], hidden)
        loss = nn.functional.cross_entropy(
            output.flatten(0, 1), train[i + 1 : i + 1 + length].flatten()
        )
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-args.lr)
    print(f"epoch {epoch} loss {loss.item():.2f} ppl {math.exp(loss.item()):.2f}")

with torch.no_grad():
    output, _ = model(valid[:-1], None)
    accuracy = (output.argmax(-1) == valid[1:]).float().mean().item()
print("accuracy", accuracy, "chance", 0.06)
