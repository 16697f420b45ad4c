"""TheDeepChecker's regression network, with one of its planted faults: `regression.py FAULT|fixed SEED`."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from workshop import friedman, options, start, tell, train

fault, _ = options()

data = friedman()
if fault == "dbl_norm":
    data = data._replace(x=data.x / 255, test_x=data.test_x / 255)
if fault == "over_scaled_outputs":
    data = data._replace(y=10 * data.y, test_y=10 * data.test_y)
if fault == "wrong_lbl":
    data = data._replace(y=data.y[torch.randperm(len(data.y))])

model = nn.Sequential(
    nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
)  # fmt: skip
start(model, nn.init.kaiming_normal_)
if fault == "wrong_act":
    model.append(nn.Softmax(dim=1))
if fault == "constant":
    start(model, lambda w: nn.init.constant_(w, 0.01))
if fault == "random":
    start(model, lambda w: nn.init.normal_(w, 0, 0.25))


def error(outputs: Tensor, targets: Tensor) -> Tensor:
    if fault == "wrong_loss":
        return F.mse_loss(outputs, targets, reduction="sum")
    if fault == "inap_loss":
        return F.binary_cross_entropy_with_logits(outputs, targets)
    return F.mse_loss(outputs, targets)


def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:
    strength = {"over_reg": 100.0, "miss_reg": 1e-12}.get(fault, 1e-5)
    penalty = sum(p.square().sum() for p in model.parameters() if p.dim() > 1)
    return error(outputs, targets) + strength * penalty


def negate(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.grad.neg_()


optimizer = torch.optim.Adam(
    model.parameters(),
    lr=1e-5 if fault == "low_lr" else 0.001,
    eps=1e-16 if fault == "low_eps" else 1e-8,
)
changes = {"after_backward": negate} if fault == "flip_sign" else {}
train(model, data, loss_of, optimizer, epochs=40, **changes)
tell(model, data)
