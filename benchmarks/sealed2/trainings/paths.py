"""What a walker does, told by a GRU from her path. Fault: batches come first and the GRU takes them for time."""

import math
import sys

import numpy as np
import torch
from torch import Tensor, nn

BATCH_FIRST = sys.argv[1] != "buggy"
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
KINDS = ("left circle", "right circle", "zigzag", "straight")


def make_paths(count: int, rng: np.random.Generator, length: int = 24) -> tuple[Tensor, Tensor]:
    """Return moves (N, 24, 2) and what kind of path they make (N,)."""
    kind = rng.integers(0, len(KINDS), count)
    heading = rng.uniform(0, 2 * math.pi, (count, 1))
    time = np.arange(length)
    swing = np.where(time // 4 % 2 == 0, 1.0, -1.0) * math.pi / 4
    turn = np.select(
        [kind[:, None] == k for k in range(3)],
        [0.15 * time, -0.15 * time, np.broadcast_to(swing, (count, length))],
        default=np.zeros((count, length)),
    )
    angle = heading + turn + rng.normal(0, 0.25, (count, length))
    moves = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return torch.tensor(moves, dtype=torch.float32), torch.tensor(kind)


class PathNet(nn.Module):
    def __init__(self, hidden: int = 48) -> None:
        super().__init__()
        self.gru = nn.GRU(2, hidden, num_layers=2, batch_first=BATCH_FIRST)
        self.fc = nn.Linear(hidden, len(KINDS))

    def forward(self, moves: Tensor) -> Tensor:
        output, _ = self.gru(moves)
        return self.fc(output[:, -1, :])


if __name__ == "__main__":
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    x_train, y_train = make_paths(2000, rng)
    x_test, y_test = make_paths(500, rng)

    net = PathNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    for epoch in range(8):
        net.train()
        losses = []
        permutation = torch.randperm(len(x_train))
        for start in range(0, len(x_train), 50):
            index = permutation[start : start + 50]
            optimizer.zero_grad()
            loss = criterion(net(x_train[index]), y_train[index])
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        print(f"[{epoch + 1}] loss: {np.mean(losses):.4f}")

    net.eval()
    with torch.no_grad():
        accuracy = (net(x_test).argmax(1) == y_test).float().mean().item()
    print(f"held out {accuracy:.4f} reference 0.25")
