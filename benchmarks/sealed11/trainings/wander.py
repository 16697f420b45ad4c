"""REINFORCE on a small grid, rewards-to-go normalized. The return stays where it was."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
SIZE, HORIZON, GAMMA, UPDATES, ENVS = 5, 12, 0.95, 150, 32


class Grid:
    """Start anywhere, reach the goal: 1 when there, 0 elsewhere; many copies at once."""

    moves = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])

    def reset(self):
        self.at = torch.randint(0, SIZE, (ENVS, 2))
        self.goal = torch.randint(0, SIZE, (ENVS, 2))
        return self.observe()

    def observe(self):
        return torch.cat([self.at, self.goal], 1).float() / (SIZE - 1) * 2 - 1

    def step(self, action):
        self.at = (self.at + self.moves[action]).clamp(0, SIZE - 1)
        return self.observe(), (self.at == self.goal).all(1).float()


def discount(rewards):
    total, out = torch.zeros(ENVS), []
    for r in reversed(rewards):
        total = r + GAMMA * total
        out.insert(0, total)
    return torch.stack(out)


env = Grid()
policy = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(policy.parameters(), lr=2e-2)
returns_seen = []
for update in range(UPDATES):
    state, log_probs, rewards = env.reset(), [], []
    for _ in range(HORIZON):
        dist = Categorical(logits=policy(state))
        action = dist.sample()
        log_probs.append(dist.log_prob(action))
        state, reward = env.step(action)
        rewards.append(reward)
    advantage = discount(rewards)
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    log_probs = torch.stack(log_probs).flatten()
    advantage = advantage.reshape(-1, 1) if sys.argv[1] == "buggy" else advantage.reshape(-1)
    loss = -(log_probs * advantage).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    returns_seen.append(torch.stack(rewards).mean().item())
    if update % 30 == 0:
        print("update", update, "reward", returns_seen[-1])

print("reward per step", sum(returns_seen[-10:]) / 10, "random", 0.07)
