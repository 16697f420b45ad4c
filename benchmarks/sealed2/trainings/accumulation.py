"""Tumors from measurements, four small batches to an update. Fault: gradients are cleared just before the step."""

import sys

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class Trainer:
    def __init__(self, model: nn.Module, accumulate: int = 4, *, clear_first: bool) -> None:
        self.model, self.accumulate, self.clear_first = model, accumulate, clear_first
        self.loss_fn = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)

    def update(self) -> None:
        if self.clear_first:
            self.optimizer.zero_grad()
            self.optimizer.step()
        else:
            self.optimizer.step()
            self.optimizer.zero_grad()

    def fit(self, loader: DataLoader[tuple[Tensor, ...]], epochs: int) -> None:
        self.model.train()
        for epoch in range(epochs):
            total = 0.0
            for index, (x, y) in enumerate(loader, start=1):
                loss = self.loss_fn(self.model(x).squeeze(-1), y)
                (loss / self.accumulate).backward()
                if index % self.accumulate == 0:
                    self.update()
                total += loss.item()
            print(f"epoch {epoch}: {total / len(loader):.4f}")

    @torch.no_grad()
    def score(self, x: Tensor, y: Tensor) -> float:
        self.model.eval()
        return ((self.model(x).squeeze(-1) > 0).float() == y).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    x, y = load_breast_cancer(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        x, y, test_size=0.3, random_state=0, stratify=y
    )
    scaler = StandardScaler().fit(train_x)
    train = TensorDataset(
        torch.tensor(scaler.transform(train_x)).float(), torch.tensor(train_y).float()
    )
    network = nn.Sequential(
        nn.Linear(30, 48),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(48, 24),
        nn.ReLU(),
        nn.Linear(24, 1),
    )
    trainer = Trainer(network, clear_first=sys.argv[1] == "buggy")
    trainer.fit(DataLoader(train, batch_size=16, shuffle=True, drop_last=True), epochs=20)
    score = trainer.score(
        torch.tensor(scaler.transform(test_x)).float(), torch.tensor(test_y).float()
    )
    print(f"held out {score:.4f} reference {test_y.mean():.4f}")
