"""hydra: the configuration lies beside the script, and arguments override it."""

import hydra
import torch
from omegaconf import DictConfig
from torch import nn


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    torch.manual_seed(config.seed)
    layers = [m for _ in range(config.depth) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    model = nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=config.lr)
    for _ in range(40):
        x = torch.randn(32, 8)
        loss = nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(config.depth, f"{sum(p.double().sum().item() for p in model.parameters()):.12f}")


if __name__ == "__main__":
    main()
