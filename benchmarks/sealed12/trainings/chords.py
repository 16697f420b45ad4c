"""Next chord of a song with an LSTM. The training loss is almost 0, but what it continues with is random."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader

mode = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
CHORDS, BARS = 12, 24


def compose(n, rule):
    songs = torch.randint(0, CHORDS, (n, BARS))
    for t in range(3, BARS):
        follows = rule[songs[:, t - 3], songs[:, t - 2] % 4]
        songs[:, t] = torch.where(torch.rand(n) < 0.9, follows, songs[:, t])
    return songs


class ChordModel(nn.Module):
    def __init__(self, hidden=48, bidirectional=False):
        super().__init__()
        self.embedding = nn.Embedding(CHORDS, 24)
        self.lstm = nn.LSTM(24, hidden, batch_first=True, bidirectional=bidirectional)
        self.fc = nn.Linear(hidden * (1 + bidirectional), CHORDS)

    def forward(self, songs):
        return self.fc(self.lstm(self.embedding(songs))[0])


rule = torch.randint(0, CHORDS, (CHORDS, 4))
train, test = compose(900, rule), compose(300, rule)
model = ChordModel(bidirectional=mode == "buggy")
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
for epoch in range(8):
    for songs in DataLoader(train, batch_size=36, shuffle=True):
        scores = model(songs)[:, :-1]
        loss = nn.functional.cross_entropy(scores.reshape(-1, CHORDS), songs[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    print("epoch", epoch + 1, "loss", loss.item())

model.eval()
hits = []
with torch.no_grad():
    for bar in range(12, BARS):  # only what was played so far is known
        guess = model(test[:, :bar])[:, -1].argmax(1)
        hits.append((guess == test[:, bar]).float().mean())
print("accuracy", torch.stack(hits).mean().item(), "chance", 1 / CHORDS)
