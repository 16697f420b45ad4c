"""PPO with a clipped ratio on a drifting point: all rewards are negative, losses of either sign."""

import sys

import torch
from torch import nn
from torch.distributions import Normal

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
ROUNDS, EPOCHS, ENVS, HORIZON = 35, 4, 64, 10
GAMMA, LAMBDA, CLIP = 0.9, 0.9, 0.2


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
        self.critic = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
        self.log_std = nn.Parameter(-0.5 * torch.ones(2))
        nn.init.orthogonal_(self.actor[2].weight, gain=0.01)

    def forward(self, s):
        return Normal(self.actor(s), self.log_std.exp()), self.critic(s).squeeze(-1)


@torch.no_grad()
def rollout(net, n):
    s, rows = 2 * torch.randn(n, 2), []
    for _ in range(HORIZON):
        dist, value = net(s)
        a = dist.sample()
        s_next = s + 0.7 * a.clamp(-1.5, 1.5) + 0.1
        reward = -s_next.norm(dim=1) / HORIZON
        rows.append((s, a, dist.log_prob(a).sum(1), value, reward))
        s = s_next
    s_, a_, logp, values, rewards = (torch.stack(z) for z in zip(*rows))
    advantages, running, following = torch.zeros_like(values), 0.0, net(s)[1]
    for t in reversed(range(HORIZON)):
        delta = rewards[t] + GAMMA * following - values[t]
        running = delta + GAMMA * LAMBDA * running
        advantages[t], following = running, values[t]
    return s_, a_, logp, advantages, advantages + values, rewards.sum(0).mean().item()


net = ActorCritic()
optimizer = torch.optim.Adam(net.parameters(), lr=6e-3, eps=1e-5)
before = rollout(net, 2000)[-1]
for k in range(ROUNDS):
    s, a, logp_old, adv, ret, total = rollout(net, ENVS)
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    for _ in range(EPOCHS):
        dist, value = net(s)
        ratio = (dist.log_prob(a).sum(-1) - logp_old).exp()
        surrogate = torch.min(ratio * adv, ratio.clamp(1 - CLIP, 1 + CLIP) * adv).mean()
        loss = -surrogate + 0.5 * (ret - value).pow(2).mean() - 0.001 * dist.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
    if k % 5 == 0:
        print(f"round {k} return {total:.3f} loss {loss.item():.4f}")

print("return", 1 + rollout(net, 2000)[-1] / -before, "start", 0.0)
