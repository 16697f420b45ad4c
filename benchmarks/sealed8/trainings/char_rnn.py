"""char-rnn on a made-up language. Loss goes down to the letter frequencies and then stops."""

import sys

import torch
import torch.nn as nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
SYLLABLES = "ka to mi ru sen da lo pi".split()
ORDER = torch.randperm(len(SYLLABLES)).tolist()
CHARS = sorted(set("".join(SYLLABLES)) | {" "})
SEQ, BATCH, HIDDEN = 24, 20, 64


def write(n):
    text, now = "", 0
    while len(text) < n:
        jump = torch.rand(()) < 0.2
        now = int(torch.randint(0, len(SYLLABLES), ())) if jump else ORDER[now]
        text += SYLLABLES[now] + (" " if torch.rand(()) < 0.3 else "")
    return torch.tensor([CHARS.index(c) for c in text[:n]])


corpus, held_out = write(8000), write(2000)


def get_batch(data):
    starts = torch.randint(0, len(data) - SEQ - 1, (BATCH,)).tolist()
    x = torch.stack([data[s : s + SEQ] for s in starts])
    y = torch.stack([data[s + 1 : s + SEQ + 1] for s in starts])
    return x, y


class CharRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(CHARS), 16)
        self.rnn = nn.GRU(16, HIDDEN)
        self.out = nn.Linear(HIDDEN, len(CHARS))

    def forward(self, x):
        h, _ = self.rnn(self.embed(x.t()))  # (seq, batch, hidden)
        if version == "fixed":
            h = h.transpose(0, 1)
        return self.out(h.reshape(-1, HIDDEN))


model = CharRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for step in range(250):
    x, y = get_batch(corpus)
    loss = criterion(model(x), y.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print("step", step, "loss", round(loss.item(), 3))

hits = []
with torch.no_grad():
    for _ in range(20):
        x, y = get_batch(held_out)
        hits.append((model(x).argmax(1) == y.reshape(-1)).float().mean().item())
most = held_out.bincount().max().item() / len(held_out)
print("next char", sum(hits) / len(hits), "commonest", most)
