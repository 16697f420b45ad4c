"""DeepCrime's bag of words, with the fault R1, R5, R6 or R7: `deepcrime_reuters.py FAULT|fixed SEED`."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from workshop import glorot, options, split, tell, train

fault, _ = options()

# 20 topics, each with 25 words of its own among 400; a text has 30 words, a third of them its topic's
some = torch.Generator().manual_seed(0)
topics = torch.arange(20).repeat(80)
own = torch.randint(400, (20, 25), generator=some)
common = torch.randint(400, (len(topics), 20), generator=some)
picked = own[topics].gather(1, torch.randint(25, (len(topics), 10), generator=some))
words = torch.zeros(len(topics), 400).scatter_(1, torch.cat([common, picked], dim=1), 1.0)
data = split(words, topics)

last = nn.Identity() if fault == "R7" else nn.Softmax(dim=1)
model = glorot(
    nn.Sequential(nn.Linear(400, 128), nn.ReLU(), nn.Dropout(), nn.Linear(128, 20), last)
)
if fault == "R6":
    nn.init.ones_(model[0].weight)


def loss_of(outputs: Tensor, labels: Tensor) -> Tensor:
    p = (outputs / outputs.sum(1, keepdim=True)).clamp(1e-7, 1 - 1e-7)
    penalty = 0.01 * model[0].weight.abs().sum() if fault == "R1" else 0.0
    return F.nll_loss(p.log(), labels) + penalty


if fault == "R5":
    optimizer: torch.optim.Optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
train(model, data, loss_of, optimizer, epochs=10)
tell(model, data)
