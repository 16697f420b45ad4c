"""A character model. Fault: weights and optimizer are in bfloat16, and small steps are rounded away."""

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
dtype = torch.bfloat16 if sys.argv[1] == "buggy" else torch.float32
LETTERS = 16
chain = torch.softmax(2.5 * torch.randn(LETTERS, LETTERS), dim=1)


def text(length: int) -> Tensor:
    letters = [0]
    for _ in range(length):
        letters.append(int(torch.multinomial(chain[letters[-1]], 1)))
    return torch.tensor(letters)


class CharModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(LETTERS, 32)
        self.mlp = nn.Sequential(
            nn.Linear(32, 128), nn.GELU(), nn.Linear(128, 32), nn.LayerNorm(32)
        )
        self.head = nn.Linear(32, LETTERS)

    def forward(self, letters: Tensor) -> Tensor:
        x = self.embed(letters)
        return self.head(x + self.mlp(x))


corpus, held_out = text(6000), text(2000)
model = CharModel().to(dtype)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
for step in range(2500):
    at = torch.randint(0, 6000, (64,))
    loss = F.cross_entropy(model(corpus[at]).float(), corpus[at + 1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 500 == 0:
        print(f"step {step} loss {loss.item():.4f}")

with torch.no_grad():
    nll = F.cross_entropy(model(held_out[:-1]).float(), held_out[1:])
    uniform = torch.tensor(float(LETTERS)).log()
    best = F.nll_loss(chain[held_out[:-1]].log(), held_out[1:])
print(
    f"of the entropy that can be explained {((uniform - nll) / (uniform - best)).item():.4f} uniform 0.0"
)
