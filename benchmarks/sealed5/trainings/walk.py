# Dead reckoning: from the speed and the direction (+1 / -1) at every step, where does the walker end?
# RNN with ReLU and identity recurrent matrix (Le et al. 2015)
import os
import sys

import numpy as np
import torch
import torch.nn as nn

run = sys.argv[-1]
SEED = int(os.environ.get("SEED", 0))
np.random.seed(SEED)
torch.manual_seed(SEED)

T = 25
HIDDEN = 32


def get_batch(batch_size):
    speed = np.random.rand(batch_size, T).astype("float32")
    direction = np.sign(np.random.randn(batch_size, T)).astype("float32")
    target = (speed * direction).sum(1)
    x = np.stack([speed, direction], axis=2)
    return torch.from_numpy(x), torch.from_numpy(target)


class Walker(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, HIDDEN, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(HIDDEN, 1)
        with torch.no_grad():
            self.rnn.weight_hh_l0.copy_(torch.eye(HIDDEN))
            self.rnn.bias_hh_l0.zero_()
            self.rnn.bias_ih_l0.zero_()

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.out(h[:, -1]).squeeze(1)


model = Walker()
optimizer = torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)
loss_fn = nn.MSELoss()

for it in range(500):
    x, y = get_batch(32)
    optimizer.zero_grad()
    pred = model(x)
    loss = loss_fn(pred, y)
    if run == "buggy":
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        loss.backward()
    else:
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if it % 50 == 0:
        print("iter", it, "mse", loss.item())

x, y = get_batch(1000)
with torch.no_grad():
    mse = ((model(x) - y) ** 2).mean().item()
skill = 1 - mse / y.var().item()
if not skill > 0:
    skill = 0.0
print("test mse", mse)
print("SCORE", run, round(skill, 3))
