"""Bird songs by species: some are heard far more often than others."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

version, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
SPECIES, T = 6, 32
share = torch.tensor([0.25, 0.2, 0.17, 0.15, 0.13, 0.1])


def recordings(n):
    kind = torch.multinomial(share, n, replacement=True)
    t = torch.arange(T).float()
    pitch = 0.3 + 0.35 * kind[:, None].float()
    song = torch.sin(pitch * t + 6.3 * torch.rand(n, 1)) + 0.4 * torch.randn(n, T)
    return song.unsqueeze(1), kind


class SongNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.conv1 = nn.Conv1d(1, width, 7, padding=3)
        self.conv2 = nn.Conv1d(width, width, 5, padding=2)
        self.fc = nn.Linear(width, SPECIES)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x)).mean(-1)
        scores = self.fc(x)
        return scores if version == "buggy" else F.log_softmax(scores, dim=1)


train, test = recordings(2000), recordings(500)
model = SongNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(250):
    i = torch.randint(0, 2000, (48,))
    output = model(train[0][i])
    loss = F.nll_loss(output, train[1][i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} nll {loss.item():.4f}")
with torch.no_grad():
    acc = (model(test[0]).argmax(1) == test[1]).float().mean().item()
print("accuracy", acc, "majority", (test[1] == 0).float().mean().item())
