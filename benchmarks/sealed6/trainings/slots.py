"""Actor-critic style policy for ten slot machines whose best arm depends on the light that is on."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

case = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
LIGHTS, ARMS = 6, 10
chance_to_win = 0.1 + 0.3 * torch.rand(LIGHTS, ARMS)
chance_to_win[torch.arange(LIGHTS), torch.randperm(ARMS)[:LIGHTS]] = 0.9
ENTROPY = 1.0 if case == "buggy" else 0.01

policy = nn.Sequential(nn.Linear(LIGHTS, 32), nn.Tanh(), nn.Linear(32, ARMS))
value = nn.Sequential(nn.Linear(LIGHTS, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(list(policy.parameters()) + list(value.parameters()), lr=5e-3)

for step in range(800):
    light = torch.randint(0, LIGHTS, (64,))
    state = nn.functional.one_hot(light, LIGHTS).float()
    dist = Categorical(logits=policy(state))
    arm = dist.sample()
    reward = torch.bernoulli(chance_to_win[light, arm])
    baseline = value(state).squeeze(1)
    advantage = reward - baseline.detach()
    policy_loss = -(dist.log_prob(arm) * advantage).mean()
    value_loss = nn.functional.mse_loss(baseline, reward)
    loss = policy_loss + 0.5 * value_loss - ENTROPY * dist.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(
            f"step {step} reward {reward.mean().item():.3f} entropy {dist.entropy().mean().item():.3f}"
        )

with torch.no_grad():
    probs = policy(torch.eye(LIGHTS)).softmax(1)
    mean_reward = (probs * chance_to_win).sum(1).mean().item()
best, random_play = chance_to_win.max(1).values.mean().item(), chance_to_win.mean().item()
print("reward", (mean_reward - random_play) / (best - random_play), "random", 0.0)
