"""The same training on one process or on several: `none`, `ddp` or `fsdp`, then what goes wrong."""

import gc
import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel


def build() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    return nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 1))


def main(strategy: str, fault: str = "") -> None:
    train(strategy, fault)
    if strategy != "none":  # the model is gone: what frees a group last may wait for its own thread
        gc.collect()
        dist.destroy_process_group()


def train(strategy: str, fault: str) -> None:
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    model = build()
    if strategy != "none":
        dist.init_process_group("gloo")
    if strategy == "ddp":
        model = DistributedDataParallel(model)
    if strategy == "fsdp":
        mesh = dist.init_device_mesh("cpu", (world,))
        for layer in model:
            if isinstance(layer, nn.Linear):
                fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(1)
    for step in range(30):
        x = torch.randn(32, 8, generator=generator)
        y = (x[:, :1] > 0).float()
        mine = slice(rank, None, world)
        loss = nn.functional.binary_cross_entropy_with_logits(model(x[mine]), y[mine])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if fault == "drift" and step == 5 and rank == 1:
            with torch.no_grad():
                model.module[3].weight.mul_(1.5)
        if fault == "dies" and step == 20 and rank == 1:
            raise ValueError("rank 1 has had enough")
    whole = [getattr(p, "full_tensor", lambda p=p: p)() for p in model.parameters()]
    total = sum(p.detach().double().sum().item() for p in whole)
    sys.stdout.write(f"rank {rank} ends with {total.hex()}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
