"""Survival times of patients, a Cox model with a neural network (DeepSurv). Concordance is worse than a coin."""

import sys

import torch
from torch import nn

kind = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def cohort(n):
    x = torch.randn(n, 10)
    hazard = x[:, 0] + x[:, 1] * x[:, 2] + (x[:, 3].abs() - 0.8)
    time = torch.distributions.Exponential(torch.exp(1.5 * hazard)).sample()
    censor = torch.distributions.Exponential(torch.full((n,), 0.3)).sample()
    return x, torch.minimum(time, censor), (time <= censor).float()


def cox_loss(log_hazard, time, event):
    # the risk set of a patient are those who are still there: a cumulative sum over the sorted times
    order = torch.argsort(time, descending=kind != "buggy")
    log_hazard, event = log_hazard[order], event[order]
    log_risk = torch.logcumsumexp(log_hazard, 0)
    return -((log_hazard - log_risk) * event).sum() / event.sum()


def concordance(log_hazard, time, event):
    earlier = (time[:, None] < time[None, :]) & (event[:, None] == 1)
    right = log_hazard[:, None] > log_hazard[None, :]
    return (right & earlier).sum().item() / earlier.sum().item()


x, time, event = cohort(1600)
x_test, time_test, event_test = cohort(500)
net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
for step in range(240):
    i = torch.randperm(1600)[:128]
    loss = cox_loss(net(x[i]).squeeze(1), time[i], event[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print("step", step, "partial likelihood", loss.item())

with torch.no_grad():
    print("concordance", concordance(net(x_test).squeeze(1), time_test, event_test), "chance", 0.5)
