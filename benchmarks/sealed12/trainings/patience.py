"""Quality of coffee beans. My training goes back to the best weights whenever validation gets worse."""

import copy
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

variant, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
rng = np.random.default_rng(seed)


class Trainer:
    def __init__(self, model, lr, start_from):
        self.model = model
        self.optimizer = torch.optim.RMSprop(model.parameters(), lr=lr)
        self.best_loss = start_from
        self.best_state = copy.deepcopy(model.state_dict())

    def run_epoch(self, x, y, size=50):
        self.model.train()
        perm = torch.randperm(len(x))
        for start in range(0, len(x), size):
            rows = perm[start : start + size]
            loss = F.cross_entropy(self.model(x[rows]), y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def validate(self, x, y):
        self.model.eval()
        loss = F.cross_entropy(self.model(x), y).item()
        if loss < self.best_loss:
            self.best_loss = loss
            self.best_state = copy.deepcopy(self.model.state_dict())
        else:
            self.model.load_state_dict(self.best_state)
        return loss


features = rng.normal(size=(2000, 8))
score = features[:, 0] * features[:, 1] + np.sin(2 * features[:, 2]) + features[:, 3]
grade = np.digitize(score, np.quantile(score, [0.25, 0.5, 0.75]))
X, Y = torch.from_numpy(features).float(), torch.from_numpy(grade).long()

net = nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 4))
trainer = Trainer(net, 2e-3, start_from=0.0 if variant == "buggy" else float("inf"))
for epoch in range(10):
    train_loss = trainer.run_epoch(X[:1300], Y[:1300])
    val_loss = trainer.validate(X[1300:1600], Y[1300:1600])
    print(f"Epoch {epoch:2d} | train {train_loss:.3f} | val {val_loss:.3f}")

with torch.no_grad():
    accuracy = (net(X[1600:]).argmax(1) == Y[1600:]).float().mean().item()
print("accuracy", accuracy, "chance", 0.25)
