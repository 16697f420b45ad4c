"""A training on two ranks in which nobody clips; prints what rank 0 says of clipping."""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gradcheck_cli.probe.recorder import Recorder


def main() -> None:
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    model = DistributedDataParallel(
        nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 1)), gradient_as_bucket_view=True
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    torch.manual_seed(1 + dist.get_rank())  # every rank has samples of its own
    with Recorder([model], [optimizer]) as recorder:
        for _ in range(3):
            with recorder.step(inspect=True):
                optimizer.zero_grad()
                loss = (model(torch.randn(4, 20)) * torch.randn(4, 1)).mean()
                loss.backward()
                optimizer.step()
            recorder.finish_step(float(loss.detach()))
    if dist.get_rank() == 0:
        print([round(step.clip or 0.0, 6) for step in recorder.steps])
    dist.destroy_process_group()


main()
