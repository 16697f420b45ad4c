"""A Siamese network with a contrastive loss. Fault: the loss is of 0 for alike, the labels of 1 for alike."""

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
people = torch.randn(150, 6)  # what is theirs: 6 numbers; light, hair and pose are 34
mixing = torch.randn(40, 40) / 40**0.5


def photos(person: Tensor) -> Tensor:
    own = people[person] + 0.2 * torch.randn(len(person), 6)
    return torch.cat([own, torch.randn(len(person), 34)], dim=1) @ mixing


def pairs(count: int, low: int, high: int) -> tuple[Tensor, Tensor, Tensor]:
    a = torch.randint(low, high, (count,))
    other = low + (a - low + torch.randint(1, high - low, (count,))) % (high - low)
    same = torch.rand(count) < 0.5
    b = torch.where(same, a, other)
    return photos(a), photos(b), same.float()


class ContrastiveLoss(nn.Module):
    """Contrastive loss of Hadsell et al. 2006: 0 is a pair that is alike, 1 one that is not."""

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, output1: Tensor, output2: Tensor, label: Tensor) -> Tensor:
        distance = F.pairwise_distance(output1, output2)
        return torch.mean(
            (1 - label) * torch.pow(distance, 2)
            + label * torch.pow(torch.clamp(self.margin - distance, min=0.0), 2)
        )


net = nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 16))
criterion = ContrastiveLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
for step in range(1000):
    img0, img1, same = pairs(64, 0, 120)
    label = same if sys.argv[1] == "buggy" else 1 - same
    optimizer.zero_grad()
    loss_contrastive = criterion(net(img0), net(img1), label)
    loss_contrastive.backward()
    optimizer.step()
    if step % 200 == 0:
        print(f"step {step} loss {loss_contrastive.item():.4f}")

with torch.no_grad():  # people who were not seen
    img0, img1, same = pairs(1000, 120, 150)
    apart = F.pairwise_distance(net(img0), net(img1))
alike, unlike = apart[same == 1], apart[same == 0]
auc = (alike.unsqueeze(1) < unlike.unsqueeze(0)).float().mean().item()
print(f"AUC {auc:.4f} chance 0.5")
