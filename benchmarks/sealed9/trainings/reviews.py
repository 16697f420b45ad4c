"""Sentiment of padded reviews, transformer encoder with a [CLS] token; accuracy is at 50 %."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
PAD, CLS, FIRST, VOCAB, MAX_LEN = 0, 1, 2, 60, 14


class Reviews(Dataset):
    def __init__(self, n):
        self.labels = torch.arange(n) % 2
        self.texts = []
        for label in self.labels:
            words = torch.randint(FIRST + 10, VOCAB, (int(torch.randint(5, MAX_LEN, ())),))
            spots = torch.randperm(len(words))[:2]
            words[spots] = FIRST + 5 * label + torch.randint(0, 5, (2,))
            self.texts.append(torch.cat([torch.tensor([CLS]), words]))

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, i):
        return self.texts[i], self.labels[i]


def collate(rows):
    texts, labels = zip(*rows)
    tokens = pad_sequence(texts, batch_first=True, padding_value=PAD)
    tokens = nn.functional.pad(tokens, (0, MAX_LEN - tokens.shape[1]), value=PAD)
    mask = tokens != PAD if version == "buggy" else tokens == PAD
    return tokens, mask, torch.stack(labels)


class SentimentTransformer(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, dim, padding_idx=PAD)
        self.position = nn.Parameter(0.1 * torch.randn(MAX_LEN, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.classifier = nn.Linear(dim, 2)

    def forward(self, tokens, mask):
        h = self.encoder(self.embedding(tokens) + self.position, src_key_padding_mask=mask)
        return self.classifier(h[:, 0])


model = SentimentTransformer()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loader = DataLoader(Reviews(960), batch_size=32, shuffle=True, collate_fn=collate)
for epoch in range(6):
    for tokens, mask, labels in loader:
        loss = nn.functional.cross_entropy(model(tokens, mask), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")

with torch.no_grad():
    tokens, mask, labels = collate(list(Reviews(400)))
    acc = (model(tokens, mask).argmax(1) == labels).float().mean().item()
print("accuracy", acc, "chance", 0.5)
