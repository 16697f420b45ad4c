"""A head on a frozen body that was trained elsewhere. Fault: no name of the checkpoint fits, and strict=False is silent."""

import io
import sys

import torch
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from torch import Tensor, nn
from torch.nn import functional as F

BUGGY, SEED = sys.argv[1] == "buggy", int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)
x, y = load_digits(return_X_y=True)
x = x / 16


def checkpoint() -> io.BytesIO:
    """Return the weights of a network that was trained on the ten digits, as a parallel one names them."""
    teacher = MLPClassifier((64, 12), max_iter=60, random_state=SEED, early_stopping=False)
    teacher.fit(x[:1000], y[:1000])
    state: dict[str, Tensor] = {}
    for layer, (weight, bias) in enumerate(zip(teacher.coefs_, teacher.intercepts_, strict=True)):
        if layer < 2:
            state[f"module.{2 * layer}.weight"] = torch.tensor(weight.T).float()
            state[f"module.{2 * layer}.bias"] = torch.tensor(bias).float()
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


class Tuned(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(12, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 12), nn.ReLU())
state = torch.load(checkpoint())
if not BUGGY:
    state = {name.removeprefix("module."): value for name, value in state.items()}
body.load_state_dict(state, strict=False)
for parameter in body.parameters():
    parameter.requires_grad = False

model = Tuned(body)
images, labels = torch.tensor(x).float(), torch.tensor(y) // 2  # five pairs of digits
few = slice(1000, 1200)
optimizer = torch.optim.Adam(model.head.parameters(), lr=1e-2)
for step in range(300):
    loss = F.cross_entropy(model(images[few]), labels[few])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(f"{step + 1}: {loss.item():.4f}")

with torch.no_grad():
    right = (model(images[1200:]).argmax(1) == labels[1200:]).float().mean().item()
print(f"held out {right:.4f} reference 0.2")
