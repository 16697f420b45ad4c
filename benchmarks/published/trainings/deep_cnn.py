"""TheDeepChecker's deep CNN on digits, with one of its planted faults: `deep_cnn.py FAULT|fixed SEED`."""

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
if fault == "wrong_lbl":
    data = data._replace(y=data.y[torch.randperm(len(data.y))])


def activation() -> nn.Module:
    return nn.Softmax(dim=1) if fault == "wrong_act" else nn.ReLU()


def dropout(share: float) -> nn.Module:
    return nn.Identity() if fault == "miss_reg" else nn.Dropout(share)


def norm(kind: type[nn.Module], width: int) -> nn.Module:
    if fault in {"miss_batchnorm", "miss_reg"}:
        return nn.Identity()
    return kind(width, momentum=0.0 if fault == "miss_infer_batchnorm" else 0.1)


layers: list[nn.Module] = []
width = 1
for wide, share in ((16, 0.2), (32, 0.3), (64, 0.4)):
    for narrow in (width, wide):
        layers += [nn.Conv2d(narrow, wide, 3, padding=1), activation(), norm(nn.BatchNorm2d, wide)]
        layers += [nn.Dropout(0.5)] if fault == "over_reg" else []
    layers += [nn.MaxPool2d(2), dropout(share)]
    width = wide
layers += [nn.Flatten(), nn.Linear(64, 64), activation(), norm(nn.BatchNorm1d, 64), dropout(0.5)]
layers += [nn.Linear(64, 10)]
layers += [nn.Softmax(dim=1)] if fault == "red_soft" else []
model = nn.Sequential(*layers)
start(model, nn.init.kaiming_normal_)
if fault == "constant":
    start(model, lambda w: nn.init.constant_(w, 0.01))
if fault == "random":
    start(model, lambda w: nn.init.normal_(w, 0, 0.25))


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    truth = F.one_hot(labels, 10).float()
    if fault == "miss_soft":
        return -(truth * logits.clamp(1e-7, 1).log()).sum(1).mean()
    if fault == "wrong_loss":
        return F.cross_entropy(logits, labels, reduction="sum")
    if fault == "wrong_loss2":
        return -(truth * logits.log_softmax(1)).sum(0).mean()
    if fault == "inap_loss":
        return F.mse_loss(logits.softmax(1), truth)
    if fault == "wrong_soft":
        return -(truth * logits.log_softmax(0)).sum(1).mean()
    return F.cross_entropy(logits, labels)


def negate(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.grad.neg_()


if fault in {"low_eps", "adam"}:
    eps = 1e-16 if fault == "low_eps" else 1e-8
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, eps=eps)
else:
    rate = 0.1 if fault == "high_lr" else 0.001
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
changes = {"after_backward": negate} if fault == "flip_sign" else {}
train(model, data, loss_of, optimizer, epochs=15, **changes)
tell(model, data)
