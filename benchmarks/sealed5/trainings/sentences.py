"""Transformer encoder with a [CLS] token on padded sentences of different length.
Label: are there more positive than negative words in it?"""

import os
import sys
import torch
import torch.nn as nn

trial = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

PAD, CLS, POS, NEG = 0, 1, 2, 3
VOCAB, MAX_LEN = 20, 16


def sentences(n):
    ids = torch.full((n, MAX_LEN), PAD)
    labels = torch.zeros(n, dtype=torch.long)
    for i in range(n):
        length = int(torch.randint(7, 15, (1,)))
        words = torch.randint(4, VOCAB, (length,))
        where = torch.randperm(length)[:5]
        n_pos = int(torch.randint(0, 6, (1,)))
        words[where[:n_pos]] = POS
        words[where[n_pos:]] = NEG
        ids[i, 0] = CLS
        ids[i, 1 : length + 1] = words
        labels[i] = int(n_pos > 2)
    return ids, labels


class Classifier(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, dim)
        self.pos = nn.Parameter(0.02 * torch.randn(MAX_LEN, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.fc = nn.Linear(dim, 2)

    def forward(self, ids):
        if trial == "buggy":
            padding_mask = ids != PAD
        else:
            padding_mask = ids == PAD
        h = self.encoder(self.emb(ids) + self.pos, src_key_padding_mask=padding_mask)
        return self.fc(h[:, 0])


x_train, y_train = sentences(1500)
x_test, y_test = sentences(400)
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(8):
    total = 0.0
    for b in torch.randperm(1500).split(50):
        loss = criterion(model(x_train[b]), y_train[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print("epoch", epoch, "loss", total / 30)

model.eval()
with torch.no_grad():
    acc = (model(x_test).argmax(1) == y_test).float().mean().item()
print("test accuracy", acc)
print("SCORE", trial, round(max(0.0, (acc - 0.5) / 0.5), 3))
