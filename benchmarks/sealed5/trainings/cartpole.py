"""REINFORCE on cart pole. gym is too slow on my laptop so I simulate 32 carts at once."""

import math
import os
import sys

import torch
import torch.nn as nn

flavour = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

CARTS, HORIZON, GAMMA = 32, 80, 0.97


class Carts:
    def reset(self, n):
        self.state = (torch.rand(n, 4) - 0.5) * 0.1
        self.alive = torch.ones(n)
        return self.state

    def step(self, action):
        x, v, th, w = self.state.unbind(1)
        force = 10.0 * (2 * action.float() - 1)
        sin, cos = torch.sin(th), torch.cos(th)
        tmp = (force + 0.05 * w**2 * sin) / 1.1
        acc_th = (9.8 * sin - cos * tmp) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
        acc_x = tmp - 0.05 * acc_th * cos / 1.1
        self.state = torch.stack(
            [x + 0.02 * v, v + 0.02 * acc_x, th + 0.02 * w, w + 0.02 * acc_th], dim=1
        )
        ok = (self.state[:, 0].abs() < 2.4) & (self.state[:, 2].abs() < 12 * math.pi / 180)
        self.alive = self.alive * ok.float()
        return self.state, self.alive.clone()


policy = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
env = Carts()


def rollout(n):
    state = env.reset(n)
    states, actions, rewards = [], [], []
    with torch.no_grad():
        for t in range(HORIZON):
            action = torch.multinomial(torch.softmax(policy(state), -1), 1).squeeze(1)
            states.append(state)
            actions.append(action)
            state, reward = env.step(action)
            rewards.append(reward)
            if reward.sum() == 0:
                break
    return torch.stack(states), torch.stack(actions), rewards


def average_length(n=200):
    _, _, rewards = rollout(n)
    return torch.stack(rewards).sum(0).mean().item()


start = average_length()
for episode in range(60):
    states, actions, rewards = rollout(CARTS)
    returns = []
    R = torch.zeros(CARTS)
    for r in reversed(rewards):
        R = r + GAMMA * R
        returns.insert(0, R)
    returns = torch.stack(returns)
    alive = torch.stack([torch.ones(CARTS)] + rewards[:-1])
    adv = (returns - returns.mean()) / (returns.std() + 1e-6)
    dist = torch.distributions.Categorical(logits=policy(states))
    if flavour == "buggy":
        logp = dist.log_prob(dist.sample())
    else:
        logp = dist.log_prob(actions)
    loss = -(logp * adv * alive).sum() / alive.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if episode % 10 == 0:
        print(
            "episode",
            episode,
            "length",
            torch.stack(rewards).sum(0).mean().item(),
            "loss",
            loss.item(),
        )

end = average_length()
print("length before", start, "after", end)
print("SCORE", flavour, round(max(0.0, (end - start) / (HORIZON - start)), 3))
