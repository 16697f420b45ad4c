"""Every text has its own length, so I run the LSTM text by text and collect the losses."""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
VOCAB, GRADES = 30, 3
value = torch.randn(VOCAB)
value = (value - value.mean()) / value.std()


def essay():
    words = torch.randint(0, VOCAB, (int(torch.randint(6, 12, ())),))
    quality = value[words].mean()
    return words, torch.tensor(int(quality > -0.15) + int(quality > 0.15))


class Grader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 16)
        self.lstm = nn.LSTM(16, 24)
        self.linear = nn.Linear(24, GRADES)

    def forward(self, words):
        out, _ = self.lstm(self.embed(words).unsqueeze(1))
        return self.linear(out.mean(0))


train = [essay() for _ in range(400)]
test = [essay() for _ in range(200)]
model = Grader()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()

for epoch in range(8):
    order = torch.randperm(len(train)).tolist()
    for start in range(0, len(train), 12):
        losses = []
        for i in order[start : start + 12]:
            words, grade = train[i]
            losses.append(criterion(model(words), grade.view(1)))
        if version == "buggy":
            loss = torch.tensor(losses, requires_grad=True).mean()
        else:
            loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    right = sum(int(model(words).argmax(1) == grade) for words, grade in test)
majority = torch.stack([g for _, g in test]).bincount().max().item()
print("accuracy", right / len(test), "majority", majority / len(test))
