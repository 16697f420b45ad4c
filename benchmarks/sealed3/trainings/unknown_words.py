"""Which description is a line from? A bag of words. Fault: the vocabulary is in lower case, the lines are not."""

import sys
from collections import Counter

import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
lower = sys.argv[1] == "fixed"

lines: list[tuple[str, int]] = []
for kind, load in enumerate((load_breast_cancer, load_diabetes, load_digits, load_iris)):
    words = load().DESCR.upper().split()
    lines += [(" ".join(words[i : i + 12]), kind) for i in range(0, min(len(words), 330) - 11, 3)]
order = torch.randperm(len(lines), generator=torch.Generator().manual_seed(0)).tolist()
counts = Counter(word for i in order for word in lines[i][0].lower().split())
vocabulary = {"<unk>": 0} | {
    word: n for n, (word, _) in enumerate(counts.most_common(500), start=1)
}


def encode(line: str) -> Tensor:
    words = line.lower().split() if lower else line.split()
    return torch.tensor([vocabulary.get(word, 0) for word in words])


x = torch.stack([encode(lines[i][0]) for i in order])
y = torch.tensor([lines[i][1] for i in order])
cut = len(x) * 3 // 4
model = nn.Sequential(
    nn.EmbeddingBag(len(vocabulary), 32), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4)
)
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(20):
    total = 0.0
    for rows in torch.randperm(cut).split(16):
        optimizer.zero_grad()
        loss = loss_fn(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    print(f"epoch {epoch}: {total / cut:.4f}")

with torch.no_grad():
    right = (model(x[cut:]).argmax(1) == y[cut:]).float().mean().item()
print(f"held out {right:.4f} reference 0.27")
