"""A bidirectional GRU that tags each token. Fault: scores are viewed, not transposed, as (N, tags, time)."""

import sys

import torch
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
WORDS, TAGS, LENGTH = 60, 5, 12


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.rnn = nn.GRU(24, 32, batch_first=True, bidirectional=True)
        self.head = nn.Linear(64, TAGS)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.rnn(self.embed(tokens))
        return self.head(hidden)


def sentences(count: int) -> tuple[Tensor, Tensor]:
    """A word's tag depends on itself and on the word before it."""
    tokens = torch.randint(0, WORDS, (count, LENGTH))
    before = torch.cat([torch.zeros(count, 1, dtype=torch.long), tokens[:, :-1]], dim=1)
    return tokens, (tokens % TAGS + (before > WORDS // 2).long()) % TAGS


tokens, tags = sentences(1500)
model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(8):
    model.train()
    total = 0.0
    for rows in torch.randperm(1200).split(40):
        optimizer.zero_grad()
        scores = model(tokens[rows])
        by_tag = scores.view(-1, TAGS, LENGTH) if sys.argv[1] == "buggy" else scores.transpose(1, 2)
        loss = loss_fn(by_tag, tags[rows])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: {total / 30:.4f}")

model.eval()
with torch.no_grad():
    right = (model(tokens[1200:]).argmax(-1) == tags[1200:]).float().mean().item()
print(f"held out {right:.4f} reference 0.2")
