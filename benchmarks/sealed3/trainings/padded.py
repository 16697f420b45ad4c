"""Reviews of unequal length in an LSTM. Fault: the state is read at the end of the padding."""

import sys

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
GOOD, BAD = range(1, 11), range(11, 21)


def review(kind: int) -> Tensor:
    """A few words of the kind, one of the other, among neutral ones."""
    words = torch.randint(21, 100, (int(torch.randint(8, 20, ())),))
    places = torch.randperm(len(words))
    own, other = (GOOD, BAD) if kind else (BAD, GOOD)
    for place in places[:3]:
        words[place] = own[int(torch.randint(0, 10, ()))]
    words[places[3]] = other[int(torch.randint(0, 10, ()))]
    return words


class Reader(nn.Module):
    def __init__(self, *, at_end: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.head = nn.Linear(32, 1)
        self.at_end = at_end

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        states, _ = self.lstm(self.embed(tokens))
        last = states[:, -1] if self.at_end else states[torch.arange(len(tokens)), lengths - 1]
        return self.head(last).squeeze(1)


kinds = torch.randint(0, 2, (900,))
lengths = []
reviews = [review(int(kind)) for kind in kinds]
lengths = torch.tensor([len(words) for words in reviews])
tokens = torch.zeros(900, 150, dtype=torch.long)
padded = pad_sequence(reviews, batch_first=True)
tokens[:, : padded.shape[1]] = padded

model = Reader(at_end=sys.argv[1] == "buggy")
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(10):
    total = 0.0
    for rows in torch.randperm(720).split(36):
        optimizer.zero_grad()
        logits = model(tokens[rows], lengths[rows])
        loss = nn.functional.binary_cross_entropy_with_logits(logits, kinds[rows].float())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: {total / 20:.4f}")

with torch.no_grad():
    right = ((model(tokens[720:], lengths[720:]) > 0) == kinds[720:].bool()).float().mean().item()
print(f"held out {right:.4f} reference 0.5")
