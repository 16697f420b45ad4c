"""Matrix factorization of ratings. Fault: Embedding.from_pretrained freezes the vectors that it is given."""

import sys

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
USERS, ITEMS, DIM = 150, 100, 6
taste, style = torch.randn(USERS, 3), torch.randn(ITEMS, 3)
popular = 0.5 * torch.randn(ITEMS)
user = torch.randint(0, USERS, (9000,))
item = torch.randint(0, ITEMS, (9000,))
rating = 3 + 0.6 * (taste[user] * style[item]).sum(1) + popular[item] + 0.2 * torch.randn(9000)
rating = rating.clamp(1, 5)


class MF(nn.Module):
    def __init__(self, init_users: Tensor, init_items: Tensor) -> None:
        super().__init__()
        freeze = sys.argv[1] == "buggy"  # the default of from_pretrained
        self.user_factors = nn.Embedding.from_pretrained(init_users, freeze=freeze)
        self.item_factors = nn.Embedding.from_pretrained(init_items, freeze=freeze)
        self.user_bias = nn.Embedding(USERS, 1)
        self.item_bias = nn.Embedding(ITEMS, 1)
        self.user_bias.weight.data.zero_()
        self.item_bias.weight.data.zero_()
        self.mean = nn.Parameter(torch.tensor(3.0))

    def forward(self, u: Tensor, i: Tensor) -> Tensor:
        dot = (self.user_factors(u) * self.item_factors(i)).sum(1)
        return dot + self.user_bias(u).squeeze(1) + self.item_bias(i).squeeze(1) + self.mean


loader = DataLoader(
    TensorDataset(user[:7500], item[:7500], rating[:7500]), batch_size=64, shuffle=True
)
model = MF(0.3 * torch.randn(USERS, DIM), 0.3 * torch.randn(ITEMS, DIM))
optimizer = torch.optim.Adam(
    (p for p in model.parameters() if p.requires_grad), lr=0.01, weight_decay=1e-5
)
for epoch in range(12):
    total = 0.0
    for u, i, r in loader:
        optimizer.zero_grad()
        loss = ((model(u, i) - r) ** 2).mean()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: train mse {total / len(loader):.4f}")

with torch.no_grad():
    error = ((model(user[7500:], item[7500:]) - rating[7500:]) ** 2).mean()
    spread = rating[7500:].var(unbiased=False)
print(f"held-out R2 {1 - (error / spread).item():.4f} mean 0.0")
