"""Topic of a short text, bag of 5000 words. Sparse gradients: SparseAdam for the table, Adam for the rest."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, WORDS, TOPICS = 300, 5000, 5
topic_of_word = torch.randint(0, TOPICS, (WORDS,))
by_topic = [torch.nonzero(topic_of_word == t).flatten() for t in range(TOPICS)]


def texts(n):
    topic = torch.randint(0, TOPICS, (n,))
    bags = []
    for t in topic.tolist():
        own = by_topic[t][torch.randint(len(by_topic[t]), (12,))]
        bags.append(torch.cat([own, torch.randint(0, WORDS, (12,))]))
    return torch.stack(bags), topic


table = nn.EmbeddingBag(WORDS, 24, mode="mean", sparse=True)
head = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, TOPICS))
optimizers = [
    torch.optim.SparseAdam(table.parameters(), lr=0.05),
    torch.optim.Adam(head.parameters(), lr=5e-3),
]
for step in range(STEPS):
    bag, topic = texts(64)
    loss = nn.functional.cross_entropy(head(table(bag)), topic)
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())

with torch.no_grad():
    bag, topic = texts(1000)
    acc = (head(table(bag)).argmax(1) == topic).float().mean().item()
print("accuracy", acc, "chance", 1 / TOPICS)
