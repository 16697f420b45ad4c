"""Route support tickets to a team: own vocabulary, embedding, mean, linear."""

import random
import sys
from collections import Counter

import torch
from torch import nn

version, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
random.seed(seed)
torch.manual_seed(seed)

TEAMS = {
    "Billing": "Invoice Refund Card Charge Price Receipt Tax".split(),
    "Network": "Router Wifi Slow Cable Signal Outage Modem".split(),
    "Account": "Password Login Email Locked Reset Profile Username".split(),
    "Shipping": "Parcel Courier Delivery Address Late Box Track".split(),
}
FILLER = "Please Help With My The Again Since Monday Not Working Still Thanks Hello Need".split()


def ticket():
    team = random.randrange(4)
    own = random.choices(list(TEAMS.values())[team], k=2)
    other = random.choices(random.choice(list(TEAMS.values())), k=1)
    words = own + other + random.choices(FILLER, k=6)
    random.shuffle(words)
    return " ".join(words), team


tickets = [ticket() for _ in range(1500)]
counted = Counter(word for text, _ in tickets[:1200] for word in text.split())
vocabulary = {"<unk>": 0}
for word, _ in counted.most_common():
    vocabulary[word] = len(vocabulary)


def encode(text):
    if version == "buggy":
        text = text.lower()
    return torch.tensor([vocabulary.get(word, 0) for word in text.split()])


ids = torch.stack([encode(text) for text, _ in tickets])
teams = torch.tensor([team for _, team in tickets])


class Router(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(vocabulary), 32)
        self.fc = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, ids):
        return self.fc(self.embedding(ids).mean(dim=1))


model = Router()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(7):
    for batch in torch.randperm(1200).split(32):
        loss = nn.functional.cross_entropy(model(ids[batch]), teams[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))

with torch.no_grad():
    accuracy = (model(ids[1200:]).argmax(1) == teams[1200:]).float().mean().item()
print("accuracy", accuracy, "chance", 0.25)
