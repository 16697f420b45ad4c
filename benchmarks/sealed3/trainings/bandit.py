"""A contextual bandit on wines: act, be paid 1 when right. Fault: the log-probability is of another draw."""

import sys

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
again = sys.argv[1] == "buggy"

features, kinds = load_wine(return_X_y=True)
order = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))
x = torch.tensor(StandardScaler().fit_transform(features), dtype=torch.float32)[order]
best = torch.tensor(kinds)[order]

policy = nn.Sequential(nn.Linear(13, 32), nn.Tanh(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
baseline = 0.0
for step in range(400):
    rows = torch.randint(0, 130, (64,))
    choice = Categorical(logits=policy(x[rows]))
    action = choice.sample()
    reward = (action == best[rows]).float()
    log_prob = choice.log_prob(choice.sample() if again else action)
    loss = -(log_prob * (reward - baseline)).mean() - 0.01 * choice.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    baseline = 0.95 * baseline + 0.05 * reward.mean().item()
    if step % 50 == 0:
        print(f"step {step}: reward {reward.mean().item():.3f}")

with torch.no_grad():
    right = (policy(x[130:]).argmax(1) == best[130:]).float().mean().item()
print(f"held out {right:.4f} reference 0.4")
