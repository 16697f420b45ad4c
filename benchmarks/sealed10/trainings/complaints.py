"""A GRU decides where a customer's complaint goes."""

import random
import sys

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

TOPICS = {
    "billing": "invoice charged refund twice money card".split(),
    "delivery": "parcel late courier address box waiting".split(),
    "quality": "broken scratch loose stopped cheap screw".split(),
    "account": "password login locked email code reset".split(),
}
FILLER = "hello i am writing because my was the and it is very please thanks".split()
VOCAB = {w: i + 1 for i, w in enumerate(FILLER + [w for ws in TOPICS.values() for w in ws])}
MAX_LEN, PAD_TO = 20, 64


def complaint():
    topic = random.randrange(len(TOPICS))
    n = random.randint(8, 18)
    words = random.choices(FILLER, k=n) + random.sample(list(TOPICS.values())[topic], 2)
    random.shuffle(words)
    return " ".join(words), topic


class Complaints(Dataset):
    def __init__(self, n, version):
        self.rows, self.version = [complaint() for _ in range(n)], version

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        text, topic = self.rows[k]
        ids = [VOCAB[w] for w in text.split()]
        ids = [0] * (PAD_TO - len(ids)) + ids
        ids = ids[:MAX_LEN] if self.version == "buggy" else ids[-MAX_LEN:]
        return torch.tensor(ids), topic


class Router(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(len(VOCAB) + 1, 24, padding_idx=0)
        self.gru = nn.GRU(24, 32, batch_first=True)
        self.fc = nn.Linear(32, len(TOPICS))

    def forward(self, ids):
        return self.fc(self.gru(self.emb(ids))[1][-1])


version, seed = sys.argv[1], int((sys.argv + [0])[2])
torch.manual_seed(seed)
random.seed(seed)
train, test = Complaints(1600, version), Complaints(400, version)
net = Router()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(5):
    for ids, topic in DataLoader(train, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(ids), topic)
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())
with torch.no_grad():
    hits = sum((net(i).argmax(1) == t).sum().item() for i, t in DataLoader(test, batch_size=100))
print("accuracy", hits / len(test), "chance", 1 / len(TOPICS))
