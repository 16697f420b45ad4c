"""A small transformer that tags words by their neighbours. Fault: a weight decay of 0.1 is meant for AdamW, not for Adam."""

import math
import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
WORDS, TAGS, TIME = 40, 5, 12


def sentences(count: int) -> tuple[Tensor, Tensor]:
    """The tag of a word depends on its own kind and on the kind of the one before."""
    words = torch.randint(0, WORDS, (count, TIME))
    kinds = words % TAGS
    before = F.pad(kinds, (1, 0))[:, :-1]
    return words, torch.where(before == 0, (kinds + 1) % TAGS, kinds)


class Tagger(nn.Module):
    def __init__(self, d_model: int = 32) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, d_model)
        position = torch.arange(TIME).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(TIME, d_model)
        pe[:, 0::2] = torch.sin(position * div)
        pe[:, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe)
        layer = nn.TransformerEncoderLayer(d_model, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.fc = nn.Linear(d_model, TAGS)

    def forward(self, words: Tensor) -> Tensor:
        x = self.encoder(self.embed(words) + self.pe)
        return F.log_softmax(self.fc(x), dim=-1)


words, tags = sentences(1600)
model = Tagger()
criterion = nn.NLLLoss()
optimizer_class = torch.optim.Adam if sys.argv[1] == "buggy" else torch.optim.AdamW
optimizer = optimizer_class(model.parameters(), lr=3e-3, weight_decay=0.1)
for epoch in range(10):
    losses = []
    for rows in torch.randperm(1600).split(32):
        optimizer.zero_grad()
        log_probs = model(words[rows])
        loss = criterion(log_probs.view(-1, TAGS), tags[rows].view(-1))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")

model.eval()
words, tags = sentences(400)
with torch.no_grad():
    accuracy = (model(words).argmax(-1) == tags).float().mean().item()
print(f"token accuracy {accuracy:.4f} chance {1 / TAGS:.4f}")
