"""Tagging words as they come in, with a one-way LSTM behind a [CLS] token."""

import random
import sys

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

WORDS = {
    "DET": "the a this that".split(),
    "NOUN": "ship port storm harbor captain buoy radio light".split(),
    "VERB": "sees calls leaves reaches fears hears".split(),
    "ADJ": "old grey distant silent".split(),
    "NUM": "one two three four five".split(),
}
TAGS = list(WORDS)
VOCAB = {w: i + 2 for i, w in enumerate(w for group in WORDS.values() for w in group)}
PAD, CLS = 0, 1


def message():
    tags = random.choices(TAGS, k=random.randint(5, 10))
    return [random.choice(WORDS[t]) for t in tags], tags


def encode(version, messages):
    ids, labels = [], []
    for words, tags in messages:
        ids.append(torch.tensor([CLS] + [VOCAB[w] for w in words]))
        tag_ids = [TAGS.index(t) for t in tags]
        labels.append(torch.tensor(tag_ids + [-100] if version == "buggy" else [-100] + tag_ids))
    return pad_sequence(ids, True, PAD), pad_sequence(labels, True, -100)


class Tagger(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.emb = nn.Embedding(len(VOCAB) + 2, dim, padding_idx=PAD)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)
        self.out = nn.Linear(dim, len(TAGS))

    def forward(self, ids):
        return self.out(self.lstm(self.emb(ids))[0])


def main(version, seed="0"):
    torch.manual_seed(int(seed))
    random.seed(int(seed))
    train, test = [message() for _ in range(1500)], [message() for _ in range(200)]
    net = Tagger()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    criterion = nn.CrossEntropyLoss(ignore_index=-100)
    for epoch in range(4):
        random.shuffle(train)
        for k in range(0, len(train), 30):
            ids, labels = encode(version, train[k : k + 30])
            loss = criterion(net(ids).transpose(1, 2), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")
    ids, labels = encode(version, test)
    with torch.no_grad():
        hit = (net(ids).argmax(-1) == labels)[labels != -100].float().mean().item()
    print("accuracy", hit, "chance", 1 / len(TAGS))


main(*sys.argv[1:])
