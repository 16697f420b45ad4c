"""TheDeepChecker's base CNN on digits, with one of its planted faults: `base_cnn.py FAULT|fixed SEED`."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from workshop import digits, options, start, tell, train

fault, _ = options()

data = digits(top={"dbl_norm": 1 / 255, "miss_norm": 255.0}.get(fault, 1.0))
if fault == "unb_data":
    kept = (data.y > 4) | (torch.rand(len(data.y)) < 0.02)
    data = data._replace(x=data.x[kept], y=data.y[kept])
if fault == "wrong_augm":
    noisy = data.x + 2 * torch.randn_like(data.x)
    noisy[:, :, 1:7, 1:7] = 0
    data = data._replace(x=noisy)

model = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10),
)  # fmt: skip
start(model, nn.init.kaiming_normal_)
if fault == "random":
    start(model, lambda w: nn.init.normal_(w, 0, 0.1))


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    truth = F.one_hot(labels, 10).float()
    if fault == "miss_soft":
        return -(truth * logits.clamp(1e-7, 1).log()).sum(1).mean()
    if fault == "wrong_loss2":
        return -(truth * logits.log_softmax(1)).sum(0).mean()
    if fault == "inap_loss":
        return F.mse_loss(logits.softmax(1), truth)
    if fault == "wrong_soft":
        return -(truth * logits.log_softmax(0)).sum(1).mean()
    return -(truth * logits.log_softmax(1)).sum(1).mean()


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    strength = {"over_reg": 1.0, "miss_reg": 1e-12}.get(fault, 1e-5)
    penalty = sum(p.square().sum() for p in model.parameters() if p.dim() > 1)
    return cross_entropy(logits, labels) + strength * penalty


def negate(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.grad.neg_()


optimizer = torch.optim.SGD(model.parameters(), lr=0.001 if fault == "low_lr" else 0.1)
changes = {"after_backward": negate} if fault == "flip_sign" else {}
train(model, data, loss_of, optimizer, epochs=6, **changes)
tell(model, data)
