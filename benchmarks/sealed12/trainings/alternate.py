"""Ratings as the product of two factors that take turns: in each round one is frozen and the other is trained."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
USERS, FILMS, RANK = 120, 80, 4

taste, style = torch.randn(USERS, RANK), torch.randn(FILMS, RANK)
rating = taste @ style.T / RANK**0.5 + 0.1 * torch.randn(USERS, FILMS)
seen = torch.rand(USERS, FILMS) < 0.4


class Factors(nn.Module):
    def __init__(self, rank=RANK):
        super().__init__()
        self.users = nn.Parameter(0.3 * torch.randn(USERS, rank))
        self.films = nn.Parameter(0.3 * torch.randn(FILMS, rank))

    def forward(self):
        return self.users @ self.films.T


model = Factors()
optimizers = {name: torch.optim.Adam([p], lr=0.1) for name, p in model.named_parameters()}
for turn in range(20):
    active = "users" if turn % 2 == 0 else "films"
    for name, p in model.named_parameters():
        p.requires_grad_(name == active)
        p.grad = None
    for _ in range(15):
        loss = (model() - rating)[seen].pow(2).mean() + 2e-3 * (
            model.users.pow(2).mean() + model.films.pow(2).mean()
        )
        optimizers[active].zero_grad()
        loss.backward()
        optimizers[active].step()
    print("turn", turn, active, loss.item())

with torch.no_grad():
    error = (model() - rating)[~seen].pow(2).mean() / rating[~seen].var()
print("R2", max(0.0, 1 - error.item()), "mean", 0.0)
