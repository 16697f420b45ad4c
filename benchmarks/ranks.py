"""What gradcheck costs on many ranks: measured per layer here, calculated for 8, 64 and 1,024 ranks.

Measures on this machine what one observed step costs per layer, how large the file of a rank is per
layer and observed step, and how fast rank 0 reads and merges. The rest is multiplication, printed as
the table of docs/scaling.md.
"""

import json
import time
from dataclasses import dataclass

import torch
from torch import nn

from gradcheck_cli.probe.ranks import Shard, merged, shard_of
from gradcheck_cli.probe.recorder import Recorder
from gradcheck_cli.probe.sampling import Sampling
from gradcheck_cli.records.trace import Trace

LAYERS, WIDTH, STEPS = 24, 256, 6
# 80 blocks of 7 matrices and 2 normalizations, embedding, last normalization and head.
LAYERS_70B = 80 * 9 + 3
TRAINED = 10_000  # steps of the run that is calculated
RANKS = (8, 64, 1024)


@dataclass(frozen=True, slots=True)
class Measured:
    """Costs on this machine, per layer and observed step."""

    seconds: float  # of an observed step, beyond a plain one
    file: float  # bytes
    reading: float  # seconds to parse and merge what one rank wrote


def observed() -> tuple[Measured, Trace]:
    """Train a small network plainly and observed."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = nn.Sequential(*[m for _ in range(LAYERS) for m in (nn.Linear(WIDTH, WIDTH), nn.Tanh())])
    optimizer = torch.optim.AdamW(model.parameters())

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(torch.randn(32, WIDTH)).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    plain = min(_timed(step) for _ in range(3 * STEPS))
    recorder = Recorder([model], [optimizer])
    costs = []
    with recorder:
        for index in range(STEPS):
            begun = time.process_time()
            with recorder.step(inspect=index == 0):
                loss = step()
            recorder.finish_step(float(loss.detach()))
            costs.append(time.process_time() - begun)
    trace = recorder.trace()
    shard = shard_of([model], trace)
    text = json.dumps([shard.plain()])
    begun = time.process_time()
    merged(trace, shard, {1: Shard.of(json.loads(text)[0])})
    took = time.process_time() - begun
    readings = sum(len(s.readings) for s in trace.steps)
    cost = (min(costs[1:]) - plain) / LAYERS
    return Measured(cost, len(text) / readings, took / readings), trace


def _timed(step: object) -> float:
    begun = time.process_time()
    step()  # type: ignore[operator]
    return time.process_time() - begun


def main() -> None:
    """Print what was measured and the table."""
    costs, _ = observed()
    sampling = Sampling()
    steps = sum(sampling.observes(i) for i in range(TRAINED))
    print(f"observed step, beyond a plain one:  {costs.seconds * 1e6:7.0f} us per layer")
    print(
        f"file of a rank:                     {costs.file:7.0f} bytes per layer and observed step"
    )
    print(f"rank 0 reads and merges:            {costs.reading * 1e6:7.1f} us of the same")
    print(f"\n70 B parameters: {LAYERS_70B} layers, {TRAINED} steps, {steps} of them observed\n")
    print(
        "| ranks | collectives | per observed step | steps sent | file of a rank | rank 0 at the end |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for ranks in RANKS:
        sent = min(steps, max(8, 2_048 // ranks))
        size = costs.file * LAYERS_70B * sent
        end = costs.reading * LAYERS_70B * sent * (ranks - 1)
        print(
            f"| {ranks:,} | 0 | {costs.seconds * LAYERS_70B:.2f} s | {sent} | {size / 1e6:.0f} MB "
            f"| {end:,.0f} s, {size * ranks / 1e9:.1f} GB |"
        )


if __name__ == "__main__":
    main()
