"""A policy with a baseline learns to walk along a corridor. Fault: the sign of the policy's loss."""

import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
goal, length = 8, 24


def played(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return states, actions and what each step was worth afterwards."""
    place, states, actions, rewards = torch.randint(3, (rows,)), [], [], []
    for _ in range(length):
        state = F.one_hot(place, goal + 1).float()
        with torch.no_grad():
            action = torch.distributions.Categorical(logits=actor(state)).sample()
        place = (place + 2 * action - 1).clamp(0, goal)
        states, actions = [*states, state], [*actions, action]
        rewards.append((place == goal).float())
    worth = torch.stack(rewards).flip(0).cumsum(0).flip(0)
    return torch.stack(states), torch.stack(actions), worth / length


actor = nn.Sequential(nn.Linear(goal + 1, 32), nn.Tanh(), nn.Linear(32, 2))
valuer = nn.Sequential(nn.Linear(goal + 1, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam([*actor.parameters(), *valuer.parameters()], lr=5e-3)
for _ in range(150):
    states, actions, worth = played(32)
    guessed = valuer(states).squeeze(-1)
    policy = torch.distributions.Categorical(logits=actor(states))
    gained = policy.log_prob(actions) * (worth - guessed.detach())
    of_policy = gained.mean() if fault == "sign" else -gained.mean()
    loss = of_policy + 0.5 * F.mse_loss(guessed, worth) - 0.01 * policy.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([*actor.parameters(), *valuer.parameters()], 0.5)
    optimizer.step()

print(f"held out {min(1.0, played(200)[2][0].mean().item() / 0.7):.4f} reference 0.0")
