"""Eight nets at once by vmap: the modules themselves are never trained, only their stacked weights are."""

import copy
import sys

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def soil(n):
    x = torch.randn(n, 6)
    kind = (x[:, 0] * x[:, 1] > 0).long() + 2 * (x[:, 2] + x[:, 3].abs() > 0.8).long()
    return x, kind


nets = [
    nn.Sequential(nn.Linear(6, 40), nn.GELU(), nn.Linear(40, 40), nn.GELU(), nn.Linear(40, 4))
    for _ in range(8)
]
params, buffers = stack_module_state(nets)
skeleton = copy.deepcopy(nets[0]).to("meta")


def one_net(p, b, x):
    return functional_call(skeleton, (p, b), (x,))


x, y = soil(2000)
x_test, y_test = soil(600)
optimizer = torch.optim.Adam(params.values(), lr=5e-3)
for step in range(250):
    pick = torch.randint(0, len(x), (8, 48))  # each net has its own bootstrap batch
    scores = vmap(one_net)(params, buffers, x[pick])
    losses = (
        nn.functional.cross_entropy(scores.flatten(0, 1), y[pick].flatten(), reduction="none")
        .view(8, 48)
        .mean(1)
    )
    optimizer.zero_grad()
    losses.sum().backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, [round(v, 2) for v in losses.tolist()])

with torch.no_grad():
    votes = vmap(one_net, in_dims=(0, 0, None))(params, buffers, x_test).softmax(-1).mean(0)
print("accuracy", (votes.argmax(1) == y_test).float().mean().item(), "chance", 0.25)
