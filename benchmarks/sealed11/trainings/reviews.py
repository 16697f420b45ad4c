"""Sentiment of short reviews with a packed LSTM. Does not get better than a coin."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

mode = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
GOOD, BAD, WORDS = range(1, 11), range(11, 21), 60


class Reviews(Dataset):
    def __init__(self, n):
        self.rows = []
        for _ in range(n):
            label = int(torch.rand(1) < 0.5)
            words = torch.randint(21, WORDS, (int(torch.randint(5, 25, (1,))),))
            places = torch.randperm(len(words))[: max(2, len(words) // 4)]
            lexicon = torch.tensor(list(GOOD if label else BAD))
            words[places] = lexicon[torch.randint(0, 10, (len(places),))]
            self.rows.append((words, label))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(batch):
    texts = [words for words, _ in batch]
    labels = [label for _, label in batch]
    if mode == "buggy":
        texts.sort(key=len, reverse=True)
    lengths = torch.tensor([len(t) for t in texts])
    return pad_sequence(texts, batch_first=True), lengths, torch.tensor(labels).float()


class Sentiment(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 24, padding_idx=0)
        self.lstm = nn.LSTM(24, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(
            self.embedding(x), lengths, batch_first=True, enforce_sorted=False
        )
        _, (h, _) = self.lstm(packed)
        return self.fc(h[-1]).squeeze(1)


loader = DataLoader(Reviews(800), batch_size=32, shuffle=True, collate_fn=collate)
model = Sentiment()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(8):
    for x, lengths, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x, lengths), y)
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

right = 0.0
with torch.no_grad():
    for words, label in Reviews(200).rows:
        right += float((model(words[None], torch.tensor([len(words)])) > 0) == bool(label))
print("accuracy", right / 200, "coin", 0.5)
