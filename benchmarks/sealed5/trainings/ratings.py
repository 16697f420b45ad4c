# Matrix factorization for movie ratings (toy data of the shape of MovieLens)
import os
import sys
import torch
import torch.nn as nn

arg = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

n_users, n_items, rank = 200, 150, 4
true_u = torch.randn(n_users, rank)
true_v = torch.randn(n_items, rank)

n_ratings = 9000
users = torch.randint(0, n_users, (n_ratings,))
items = torch.randint(0, n_items, (n_ratings,))
ratings = 3 + 0.5 * (true_u[users] * true_v[items]).sum(1) + 0.1 * torch.randn(n_ratings)
train = slice(0, 7500)
test = slice(7500, n_ratings)
mean_rating = ratings[train].mean()


class MF(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, dim)
        self.item_factors = nn.Embedding(n_items, dim)
        if arg == "buggy":
            nn.init.zeros_(self.user_factors.weight)
            nn.init.zeros_(self.item_factors.weight)
        else:
            nn.init.normal_(self.user_factors.weight, std=0.1)
            nn.init.normal_(self.item_factors.weight, std=0.1)

    def forward(self, u, i):
        return mean_rating + (self.user_factors(u) * self.item_factors(i)).sum(1)


model = MF()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loss_func = nn.MSELoss()

u, i, r = users[train], items[train], ratings[train]
for epoch in range(15):
    order = torch.randperm(len(r))
    losses = []
    for b in order.split(256):
        prediction = model(u[b], i[b])
        loss = loss_func(prediction, r[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print("epoch", epoch, "loss", sum(losses) / len(losses))

with torch.no_grad():
    prediction = model(users[test], items[test])
    mse = ((prediction - ratings[test]) ** 2).mean()
    score = 1 - mse / ratings[test].var()
print("test RMSE", mse.sqrt().item())
print("SCORE", arg, round(max(0.0, score.item()), 3))
