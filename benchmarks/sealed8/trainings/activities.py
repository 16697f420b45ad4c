"""LSTM over steps of a user in a shop (sessions), with the activity regularization of AWD-LSTM."""

import sys

import torch
import torch.nn as nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
PAGES, LENGTH, HIDDEN, INTENTS, ALPHA, BETA = 25, 18, 40, 4, 0.05, 0.02
visits = torch.distributions.Dirichlet(torch.full((PAGES,), 0.3)).sample((INTENTS, PAGES))


def sessions(n):
    intent = torch.randint(0, INTENTS, (n,))
    pages = [torch.randint(0, PAGES, (n,))]
    for _ in range(LENGTH - 1):
        pages.append(torch.multinomial(visits[intent, pages[-1]], 1).squeeze(1))
    return torch.stack(pages, dim=1), intent


def reduce(values):
    return values.sum() if version == "buggy" else values.mean()


class Intent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(PAGES, 16)
        self.lstm = nn.LSTM(16, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, INTENTS)

    def forward(self, pages):
        states, _ = self.lstm(self.embed(pages))
        return self.out(states.mean(1)), states


pages, intent = sessions(2000)
model = Intent()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(7):
    for i in torch.randperm(1600).split(40):
        scores, states = model(pages[i])
        loss = criterion(scores, intent[i])
        loss = loss + ALPHA * reduce(states.pow(2))
        loss = loss + BETA * reduce((states[:, 1:] - states[:, :-1]).pow(2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

model.eval()
with torch.no_grad():
    accuracy = (model(pages[1600:])[0].argmax(1) == intent[1600:]).float().mean().item()
print("accuracy", accuracy, "chance", 1 / INTENTS)
