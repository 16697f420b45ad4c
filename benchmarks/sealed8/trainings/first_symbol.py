"""An LSTM has to say which symbol came first, 60 symbols later. It is stuck at chance."""

import sys

import torch
import torch.nn as nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
SYMBOLS, LENGTH, HIDDEN, STEPS = 4, 60, 48, 200


def batch(n):
    marks = torch.randint(0, SYMBOLS, (n,))
    noise = torch.randint(SYMBOLS, SYMBOLS + 4, (n, LENGTH))
    noise[:, 0] = marks
    return noise, marks


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(SYMBOLS + 4, 12)
        self.lstm = nn.LSTM(12, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, SYMBOLS)
        for name, p in self.lstm.named_parameters():
            if "bias_ih" in name:
                nn.init.zeros_(p)
                if version == "fixed":
                    p.data[HIDDEN : 2 * HIDDEN] = 4.0  # input | forget | cell | output
            elif "bias_hh" in name:
                nn.init.zeros_(p)

    def forward(self, tokens):
        _, (h, _) = self.lstm(self.embed(tokens))
        return self.out(h[-1])


model = Memory()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()

model.train()
for step in range(STEPS):
    x, y = batch(32)
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 20 == 0:
        print("step", step, "loss", round(loss.item(), 4))

model.eval()
with torch.no_grad():
    x, y = batch(500)
    accuracy = (model(x).argmax(1) == y).float().mean().item()
print("accuracy", accuracy, "chance", 1 / SYMBOLS)
