"""Three organs on a scan, a class for each pixel. Fault: masks go through the transform of images, so are divided by 255."""

import sys

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)
SIZE, CLASSES = 24, 4


def to_tensor(picture: np.ndarray) -> Tensor:
    """As torchvision does: (H, W) of 0..255 becomes (1, H, W) of 0..1."""
    return torch.from_numpy(picture).unsqueeze(0).float() / 255


def scan() -> tuple[np.ndarray, np.ndarray]:
    image = rng.normal(40, 12, (SIZE, SIZE))
    mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    for organ, shade in ((1, 110), (2, 160), (3, 210)):
        cy, cx = rng.uniform(5, SIZE - 5, 2)
        inside = ((yy - cy) / rng.uniform(3, 6)) ** 2 + ((xx - cx) / rng.uniform(3, 6)) ** 2 < 1
        image[inside] = rng.normal(shade, 12, int(inside.sum()))
        mask[inside] = organ
    return image.clip(0, 255).astype(np.uint8), mask


class Scans(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, count: int) -> None:
        self.pairs = [scan() for _ in range(count)]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, mask = self.pairs[index]
        if sys.argv[1] == "buggy":
            return to_tensor(image), to_tensor(mask).squeeze(0).long()
        return to_tensor(image), torch.from_numpy(mask).long()


class TinyUNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU())
        self.deep = nn.Sequential(
            nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(24, 12, 2, 2),
        )
        self.head = nn.Conv2d(24, CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.down(x)
        return self.head(torch.cat([skip, self.deep(skip)], dim=1))


model = TinyUNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loader = DataLoader(Scans(320), batch_size=16, shuffle=True)
for epoch in range(14):
    for images, masks in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), masks)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")

ious = []
for image, mask in (scan() for _ in range(80)):
    with torch.no_grad():
        said = model(to_tensor(image).unsqueeze(0)).argmax(1)[0].numpy()
    for organ in range(1, CLASSES):
        either = ((said == organ) | (mask == organ)).sum()
        if either:
            ious.append(((said == organ) & (mask == organ)).sum() / either)
print(f"mean IoU of organs {np.mean(ious):.4f} nothing 0.0")
