"""Matrix factorization with biases: how do players rate board games?"""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
USERS, GAMES, K = 80, 60, 6


class Ratings:
    def __init__(self):
        taste, style = torch.randn(USERS, 3), torch.randn(GAMES, 3)
        rating = 6 + 0.4 * torch.randn(USERS, 1) + 0.4 * torch.randn(1, GAMES)
        rating = rating + taste @ style.T + 0.2 * torch.randn(USERS, GAMES)
        cells = torch.cartesian_prod(torch.arange(USERS), torch.arange(GAMES))
        cells = cells[torch.randperm(len(cells))]
        values = rating[cells[:, 0], cells[:, 1]]
        self.train = cells[:3600], values[:3600]
        self.test = cells[3600:], values[3600:]

    def batches(self, size):
        for rows in torch.randperm(len(self.train[0])).split(size):
            yield self.train[0][rows], self.train[1][rows]


class MatrixFactorization(nn.Module):
    def __init__(self, mean):
        super().__init__()
        self.mean = mean
        if version == "buggy":
            self.P = nn.Parameter(torch.randn(USERS, K)) * 0.3
            self.Q = nn.Parameter(torch.randn(GAMES, K)) * 0.3
        else:
            self.P = nn.Parameter(torch.randn(USERS, K) * 0.3)
            self.Q = nn.Parameter(torch.randn(GAMES, K) * 0.3)
        self.user_bias = nn.Parameter(torch.zeros(USERS))
        self.game_bias = nn.Parameter(torch.zeros(GAMES))

    def forward(self, cells):
        u, g = cells.T
        bias = self.mean + self.user_bias[u] + self.game_bias[g]
        return bias + (self.P[u] * self.Q[g]).sum(1)


ratings = Ratings()
model = MatrixFactorization(ratings.train[1].mean())
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2, weight_decay=1e-5)
for epoch in range(20):
    for cells, values in ratings.batches(256):
        loss = nn.functional.mse_loss(model(cells), values)
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()
    if epoch % 4 == 0:
        print(f"epoch {epoch} mse {loss.item():.4f}")

with torch.no_grad():
    cells, values = ratings.test
    r2 = 1 - (model(cells) - values).pow(2).mean() / values.var(unbiased=False)
print("R2", r2.item(), "mean", 0.0)
