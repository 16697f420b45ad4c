"""Which engine is it? Eight microphones -> learned mix of two channels -> spectrum -> classifier."""

import sys

import numpy as np
import torch
from torch import nn

mode = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, ENGINES, L, MICS = 250, 8, 32, 8
pitch = torch.arange(2.0, 2.0 + ENGINES)
position = torch.randn(MICS)
traffic = torch.randn(3, MICS)


def listen(n):
    engine = torch.randint(0, ENGINES, (n,))
    t = torch.arange(L) / L
    tone = torch.sin(6.283 * (pitch[engine][:, None] * t + torch.rand(n, 1)))
    noise = 3 * torch.randn(n, L, 3) @ traffic
    return tone.unsqueeze(2) * position + noise + 0.1 * torch.randn(n, L, MICS), engine


class EngineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(MICS, 2, bias=False)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * (L // 2 + 1), 64), nn.ReLU(), nn.Linear(64, ENGINES)
        )

    def forward(self, sound):
        mixed = self.mix(sound)
        if mode == "buggy":
            spectrum = np.abs(np.fft.rfft(mixed.detach().numpy(), axis=1))
            spectrum = torch.tensor(spectrum, dtype=torch.float32)
        else:
            spectrum = torch.fft.rfft(mixed, dim=1).abs()
        return self.head(spectrum / L**0.5)


model = EngineNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(STEPS):
    sound, engine = listen(64)
    loss = nn.functional.cross_entropy(model(sound), engine)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())

with torch.no_grad():
    sound, engine = listen(1000)
    acc = (model(sound).argmax(1) == engine).float().mean().item()
print("accuracy", acc, "chance", 1 / ENGINES)
