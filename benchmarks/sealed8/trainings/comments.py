"""Padded comments in nn.MultiheadAttention with a key_padding_mask. It only learns the base rate."""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
VOCAB, LONGEST, DIM, TOPICS = 80, 20, 32, 4
PAD = 0


def comments(n):
    topic = torch.randint(0, TOPICS, (n,))
    usual = torch.randint(1, VOCAB, (n, LONGEST))
    own = 1 + topic[:, None] * 15 + torch.randint(0, 15, (n, LONGEST))
    tokens = torch.where(torch.rand(n, LONGEST) < 0.4, own, usual)
    length = torch.randint(4, LONGEST, (n, 1))
    tokens[torch.arange(LONGEST) >= length] = PAD
    return tokens, topic


class TopicModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, DIM, padding_idx=PAD)
        self.query = nn.Parameter(torch.randn(1, 1, DIM) * 0.1)
        self.attention = nn.MultiheadAttention(DIM, 4, batch_first=True)
        self.head = nn.Sequential(nn.LayerNorm(DIM), nn.Linear(DIM, TOPICS))

    def forward(self, tokens):
        x = self.embed(tokens)
        mask = tokens != PAD if version == "buggy" else tokens == PAD
        query = self.query.expand(len(x), -1, -1)
        pooled, _ = self.attention(query, x, x, key_padding_mask=mask, need_weights=False)
        return self.head(pooled.squeeze(1))


model = TopicModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()
for step in range(250):
    tokens, topic = comments(48)
    loss = loss_fn(model(tokens), topic)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"[{step}] loss={loss.item():.4f}")

tokens, topic = comments(600)
with torch.no_grad():
    accuracy = (model(tokens).argmax(1) == topic).float().mean().item()
print("accuracy", accuracy, "chance", 1 / TOPICS)
