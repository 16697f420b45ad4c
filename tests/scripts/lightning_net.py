"""A Lightning training: sigmoids too deep, clipping, accumulation, validation in between."""

import sys

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class System(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        layers = [m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())]
        self.net = nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 4))

    def training_step(self, batch, _):
        x, y = batch
        return nn.functional.cross_entropy(self.net(x), y)

    def validation_step(self, batch, _):
        x, y = batch
        self.log("val", nn.functional.cross_entropy(self.net(x), y))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


def main() -> None:
    lightning.seed_everything(0, verbose=False)
    x = torch.randn(256, 8)
    y = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
    data = TensorDataset(x, y)
    model = System()
    trainer = lightning.Trainer(
        max_epochs=4,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
        accumulate_grad_batches=2,
    )
    trainer.fit(model, DataLoader(data, 16, shuffle=True), DataLoader(data, 64))
    print(f"{sum(p.double().sum().item() for p in model.parameters()):.12f}", sys.argv[1:])


if __name__ == "__main__":
    main()
