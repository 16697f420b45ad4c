"""Behaviour cloning: a net imitates the pilot of a ship that docks at the origin."""

import sys

import numpy as np
import torch
import torch.nn as nn

version, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
rng = np.random.default_rng(seed)


class Ship:
    """Position and velocity in the plane; an action is a thrust."""

    def reset(self):
        self.state = rng.uniform(-2, 2, 4).astype(np.float32)
        return self.state

    def step(self, thrust):
        self.state[2:] += 0.1 * thrust
        self.state[:2] += 0.1 * self.state[2:]
        self.state += rng.normal(0, 0.02, 4).astype(np.float32)
        return self.state


def pilot(state):
    return np.clip(-1.5 * state[:2] - 1.2 * state[2:], -2, 2)


def demonstrations(env, episodes, length=40):
    observations, actions = [], []
    for _ in range(episodes):
        state = env.reset()
        for _ in range(length):
            action = pilot(state)
            observations.append(state if version == "buggy" else state.copy())
            actions.append(action)
            state = env.step(action)
    return torch.tensor(np.array(observations)), torch.tensor(np.array(actions))


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
        )

    def forward(self, obs):
        return self.net(obs)


obs, act = demonstrations(Ship(), 60)
policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
for step in range(300):
    i = torch.randint(0, len(obs), (64,))
    loss = nn.functional.mse_loss(policy(obs[i]), act[i].float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(f"step {step} imitation loss {loss.item():.4f}")

states = rng.uniform(-2, 2, (500, 4)).astype(np.float32)
expert = torch.tensor(np.array([pilot(s) for s in states]))
with torch.no_grad():
    error = (policy(torch.tensor(states)) - expert).pow(2).mean()
print("R2", (1 - error / expert.var(unbiased=False)).item(), "mean", 0.0)
