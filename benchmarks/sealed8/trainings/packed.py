"""Variable-length DNA like sequences, packed for a GRU. Loss stays at log(4)."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
KINDS = 4
steps_of = torch.distributions.Dirichlet(torch.full((4,), 0.5)).sample((KINDS, 4))


class Sequences(Dataset):
    def __init__(self, n):
        self.items = []
        for _ in range(n):
            kind, length = int(torch.randint(0, KINDS, ())), int(torch.randint(10, 40, ()))
            draws = torch.multinomial(steps_of[kind], length, replacement=True).tolist()
            sequence = [0]
            for t in range(1, length):
                sequence.append(draws[sequence[-1]][t])
            self.items.append((torch.tensor(sequence) + 1, kind))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def collate(batch):
    labels = torch.tensor([kind for _, kind in batch])
    lengths = torch.tensor([len(sequence) for sequence, _ in batch])
    order = lengths.argsort(descending=True)
    sequences = pad_sequence([batch[i][0] for i in order], batch_first=True)
    if version == "fixed":
        labels = labels[order]
    return sequences, lengths[order], labels


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 8, padding_idx=0)
        self.gru = nn.GRU(8, 40, batch_first=True)
        self.fc = nn.Linear(40, KINDS)

    def forward(self, x, lengths):
        _, h = self.gru(pack_padded_sequence(self.embed(x), lengths, batch_first=True))
        return self.fc(h[-1])


loader = DataLoader(Sequences(800), batch_size=32, shuffle=True, collate_fn=collate)
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(9):
    for x, lengths, y in loader:
        loss = nn.functional.cross_entropy(model(x, lengths), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

right = 0
with torch.no_grad():
    for sequence, kind in Sequences(300).items:
        guess = model(sequence[None], torch.tensor([len(sequence)])).argmax(1)
        right += int(guess.item() == kind)
print("accuracy", right / 300, "chance", 1 / KINDS)
