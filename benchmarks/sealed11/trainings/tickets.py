"""Support tickets with nn.TransformerEncoder. Never better than chance."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader

VERSION = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
TEAMS, VOCAB, MAX = 4, 64, 20


def ticket():
    team = int(torch.randint(0, TEAMS, (1,)))
    words = torch.randint(1 + TEAMS * 6, VOCAB, (int(torch.randint(6, 17, (1,))),))
    words[torch.randperm(len(words))[:3]] = 1 + team * 6 + torch.randint(0, 6, (3,))
    return words.tolist(), team


def tokenize(batch):
    ids = torch.zeros(len(batch), MAX, dtype=torch.long)
    attention_mask = torch.zeros(len(batch), MAX, dtype=torch.long)
    for i, (words, _) in enumerate(batch):
        ids[i, : len(words)] = torch.tensor(words)
        attention_mask[i, : len(words)] = 1
    return {
        "input_ids": ids,
        "attention_mask": attention_mask,
        "labels": torch.tensor([t for _, t in batch]),
    }


class Router(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.cls = nn.Parameter(torch.randn(1, 1, d))
        self.embed = nn.Embedding(VOCAB, d)
        self.place = nn.Parameter(0.1 * torch.randn(MAX, d))
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(d, TEAMS)

    def forward(self, input_ids, attention_mask):
        x = torch.cat(
            [self.cls.expand(len(input_ids), 1, -1), self.embed(input_ids) + self.place], 1
        )
        ignored = attention_mask == (1 if VERSION == "buggy" else 0)
        ignored = nn.functional.pad(ignored, (1, 0), value=False)
        return self.head(self.encoder(x, src_key_padding_mask=ignored)[:, 0])


model = Router()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
loader = DataLoader([ticket() for _ in range(960)], 32, shuffle=True, collate_fn=tokenize)
for epoch in range(8):
    for batch in loader:
        labels = batch.pop("labels")
        loss = nn.functional.cross_entropy(model(**batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))

batch = tokenize([ticket() for _ in range(300)])
labels = batch.pop("labels")
with torch.no_grad():
    accuracy = (model(**batch).argmax(1) == labels).float().mean().item()
print("accuracy", accuracy, "chance", 1 / TEAMS)
