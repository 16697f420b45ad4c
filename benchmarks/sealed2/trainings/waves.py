"""Shapes of waves, told from windows of one channel. Fault: the layer norm is over that one channel, not over time."""

import math
import sys

import torch
from torch import Tensor, nn

WINDOW = 48
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def windows(count: int) -> tuple[Tensor, Tensor]:
    """Return windows (N, 48, 1) of sines, squares, saws and noise at any level and height."""
    kind = torch.randint(4, (count,))
    turns = torch.arange(WINDOW) * (0.05 + 0.05 * torch.rand(count, 1)) + torch.rand(count, 1)
    angle = 2 * math.pi * turns
    shapes = torch.stack(
        [angle.sin(), angle.sin().sign(), 2 * (turns % 1) - 1, torch.randn(count, WINDOW)]
    )
    wave = shapes[kind, torch.arange(count)] + 0.2 * torch.randn(count, WINDOW)
    level, height = 5 * torch.randn(count, 1), 0.5 + 2 * torch.rand(count, 1)
    return (level + height * wave).unsqueeze(-1), kind


class Classifier(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm
        self.embed = nn.Linear(1, 32)
        self.position = nn.Parameter(0.02 * torch.randn(WINDOW, 32))
        self.mix = nn.Sequential(
            nn.Conv1d(32, 32, 5, padding=2), nn.GELU(),
            nn.Conv1d(32, 32, 5, padding=4, dilation=2), nn.GELU(),
        )  # fmt: skip
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(self.norm(x)) + self.position
        h = h.transpose(1, 2)
        return self.head((h + self.mix(h)).mean(2))


x, y = windows(3000)
test_x, test_y = windows(600)
norm = nn.LayerNorm(1) if sys.argv[1] == "buggy" else nn.LayerNorm((WINDOW, 1))
model = Classifier(norm)
opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=4e-3, total_steps=6 * 47)
ce = nn.CrossEntropyLoss()
for epoch in range(6):
    for i in torch.randperm(3000).split(64):
        loss = ce(model(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")
with torch.no_grad():
    print(f"held out {(model(test_x).argmax(1) == test_y).float().mean():.4f} reference 0.25")
