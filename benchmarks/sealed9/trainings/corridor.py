"""REINFORCE on a corridor with a key and a door: the return never gets better than random."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

mode = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class Corridors:
    """A row of n games: go left for the key, then right for the door. -0.05 for each step."""

    def __init__(self, n, length=5):
        self.n, self.length = n, length

    def reset(self):
        self.pos = torch.randint(1, self.length - 1, (self.n,))
        self.key = torch.zeros(self.n)
        self.alive = torch.ones(self.n)
        return self.observe()

    def observe(self):
        place = nn.functional.one_hot(self.pos, self.length).float()
        return torch.cat([place, self.key[:, None]], dim=1)

    def step(self, action):
        self.pos = (self.pos + 2 * action - 1).clamp(0, self.length - 1)
        self.key = torch.maximum(self.key, (self.pos == 0).float())
        opened = (self.pos == self.length - 1).float() * self.key * self.alive
        reward = opened - 0.05 * self.alive
        self.alive = self.alive * (1 - opened)
        return self.observe(), reward


class Agent:
    def __init__(self, lr=2e-2, gamma=0.97):
        self.gamma = gamma
        self.policy = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 2))
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=lr)

    def play(self, env, horizon=12):
        obs, log_probs, rewards = env.reset(), [], []
        for _ in range(horizon):
            alive = env.alive.clone()
            dist = Categorical(logits=self.policy(obs))
            action = dist.sample()
            log_probs.append(dist.log_prob(action) * alive)
            obs, reward = env.step(action)
            rewards.append(reward)
        return log_probs, rewards

    def update(self, log_probs, rewards):
        returns, future = [], torch.zeros(len(rewards[0]))
        for reward in reversed(rewards):
            future = reward + self.gamma * future
            returns.insert(0, future)
        losses = [-(lp * (g - g.mean())).mean() for lp, g in zip(log_probs, returns)]
        if mode == "buggy":
            loss = torch.tensor(losses, requires_grad=True).sum()
        else:
            loss = torch.stack(losses).sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


env, agent = Corridors(32), Agent()
with torch.no_grad():
    before = sum(agent.play(Corridors(2000))[1]).mean().item()
for episode in range(100):
    log_probs, rewards = agent.play(env)
    agent.update(log_probs, rewards)
    if episode % 20 == 0:
        print(f"episode {episode} return {sum(rewards).mean().item():.3f}")
with torch.no_grad():
    print("return", sum(agent.play(Corridors(2000))[1]).mean().item(), "random", before)
