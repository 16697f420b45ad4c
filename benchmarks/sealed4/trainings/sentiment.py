"""Sentences in a GRU of both directions. Fault: h_n is (2, batch, hidden), and .view(batch, -1) mixes sentences."""

import sys

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
VOCAB, LENGTH = 120, 14
NEGATION = 1


def corpus(count: int) -> tuple[Tensor, Tensor]:
    """Good words (2-21) or bad ones (22-41); 'not' before one turns it around."""
    words = torch.randint(42, VOCAB, (count, LENGTH))
    good = torch.rand(count) < 0.5
    turned = torch.rand(count) < 0.3
    for row in range(count):
        for place in (2, 6, 10):
            low = 2 if good[row] ^ turned[row] else 22
            words[row, place] = torch.randint(low, low + 20, ())
            if turned[row]:
                words[row, place - 1] = NEGATION
    return words, good.long()


class SentimentNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 24)
        self.gru = nn.GRU(24, 24, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(48, 2)

    def forward(self, text: Tensor) -> Tensor:
        _, hidden = self.gru(self.embedding(text))
        if sys.argv[1] == "buggy":
            hidden = hidden.view(text.size(0), -1)
        else:
            hidden = torch.cat([hidden[0], hidden[1]], dim=1)
        return self.fc(hidden)


train = DataLoader(TensorDataset(*corpus(1500)), batch_size=50, shuffle=True)
test = DataLoader(TensorDataset(*corpus(500)), batch_size=50)
net = SentimentNet()
opt = torch.optim.Adam(net.parameters(), lr=0.005)
lossfn = nn.CrossEntropyLoss()
for epoch in range(8):
    net.train()
    for text, label in train:
        opt.zero_grad()
        loss = lossfn(net(text), label)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
    print(f"Epoch: {epoch + 1} Loss: {loss.item():.4f}")

net.eval()
hits = 0
with torch.no_grad():
    for text, label in test:
        hits += int((net(text).argmax(1) == label).sum())
print(f"test accuracy {hits / 500:.4f} chance 0.5")
