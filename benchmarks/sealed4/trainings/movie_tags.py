"""Several genres for each plot. Fault: a softmax over genres, of which several are right at once."""

import sys

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
GENRES, WORDS, VOCABULARY = 8, 30, 400


class Plots(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, size: int) -> None:
        self.tags = (torch.rand(size, GENRES) < 0.35).float()
        self.plots = torch.randint(GENRES * 20, VOCABULARY, (size, WORDS))
        for row in range(size):
            for genre in self.tags[row].nonzero().flatten().tolist():
                places = torch.randperm(WORDS)[:3]
                self.plots[row, places] = torch.randint(genre * 20, genre * 20 + 20, (3,))

    def __len__(self) -> int:
        return len(self.plots)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.plots[index], self.tags[index]


class TagModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(VOCABULARY, 32, mode="mean")
        self.fc1 = nn.Linear(32, 64)
        self.fc2 = nn.Linear(64, GENRES)
        self.out = nn.Softmax(dim=1) if sys.argv[1] == "buggy" else nn.Sigmoid()

    def forward(self, text: Tensor) -> Tensor:
        x = self.embedding(text)
        x = torch.relu(self.fc1(x))
        return self.out(self.fc2(x))


train_loader = DataLoader(Plots(2000), batch_size=32, shuffle=True)
test_loader = DataLoader(Plots(500), batch_size=100)
model = TagModel()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(12):
    model.train()
    for text, tags in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(text), tags)
        loss.backward()
        optimizer.step()
    print(f"Epoch {epoch}, loss {loss.item():.4f}")

model.eval()
right = wrong = missed = 0.0
with torch.no_grad():
    for text, tags in test_loader:
        said = (model(text) > 0.5).float()
        right += (said * tags).sum().item()
        wrong += (said * (1 - tags)).sum().item()
        missed += ((1 - said) * tags).sum().item()
print(f"micro F1 {2 * right / (2 * right + wrong + missed):.4f} nothing 0.0")
