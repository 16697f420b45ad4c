"""A trainer with callbacks, and a net for handwritten digits."""

import sys

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

version = sys.argv[1]


class Callback:
    def on_step_begin(self, trainer): ...
    def on_after_backward(self, trainer): ...
    def on_epoch_end(self, trainer): ...


class GradientNorm(Callback):
    """Keeps the norms for a plot."""

    def __init__(self):
        self.norms = []

    def on_after_backward(self, trainer):
        grads = [p.grad.norm() for p in trainer.model.parameters()]
        self.norms.append(torch.stack(grads).norm().item())


class Housekeeping(Callback):
    def on_step_begin(self, trainer):
        if version == "fixed":
            trainer.optimizer.zero_grad()

    def on_after_backward(self, trainer):
        if version == "buggy":
            trainer.optimizer.zero_grad()

    def on_epoch_end(self, trainer):
        print(f"epoch {trainer.epoch} loss {trainer.loss.item():.4f}")


class Trainer:
    def __init__(self, model, optimizer, criterion, callbacks):
        self.model, self.optimizer, self.criterion = model, optimizer, criterion
        self.callbacks = callbacks

    def call(self, event):
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def fit(self, loader, epochs):
        for self.epoch in range(epochs):
            for x, y in loader:
                self.call("on_step_begin")
                self.loss = self.criterion(self.model(x), y)
                self.loss.backward()
                self.call("on_after_backward")
                self.optimizer.step()
            self.call("on_epoch_end")


torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
digits = load_digits()
x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
trainer = Trainer(model, optimizer, nn.CrossEntropyLoss(), [GradientNorm(), Housekeeping()])
trainer.fit(DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True), epochs=5)
with torch.no_grad():
    accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
print("accuracy", accuracy, "chance", 0.1)
