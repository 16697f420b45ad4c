"""Q-learning on a corridor with a target network. The loss is tiny from the start and says little."""

import copy
import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
CELLS, GAMMA, LIMIT = 10, 0.9, 30


def move(cell, action):
    """Action 0 goes left, 1 right; the gold is in the last cell."""
    cell = (cell + 2 * action - 1).clamp(0, CELLS - 1)
    gold = cell == CELLS - 1
    return cell, gold.float(), gold


def encode(cell):
    return nn.functional.one_hot(cell, CELLS).float()


q = nn.Sequential(nn.Linear(CELLS, 48), nn.ReLU(), nn.Linear(48, 2))
goal = copy.deepcopy(q)
optimizer = torch.optim.Adam(q.parameters(), lr=5e-3)
cells = torch.randint(0, CELLS - 1, (2000,))
actions = torch.randint(0, 2, (2000,))
after, reward, done = move(cells, actions)

for step in range(300):
    i = torch.randint(0, 2000, (64,))
    with torch.no_grad():
        ahead = goal(encode(after[i])).max(1).values
        target = reward[i] + GAMMA * ahead * (~done[i])
    value = q(encode(cells[i])).gather(1, actions[i, None]).squeeze(1)
    loss = nn.functional.smooth_l1_loss(value, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 15 == 14:
        goal.load_state_dict(q.state_dict())
    if step % 50 == 0:
        print("step", step, "loss", loss.item())

state = torch.arange(CELLS - 1)
with torch.no_grad():
    true = GAMMA ** (CELLS - 2 - state.float())
    learned = q(encode(state)).max(1).values
    best = q(encode(state)).argmax(1)
agree = (best == 1).float().mean().item()
close = max(0.0, 1 - ((learned - true).pow(2).mean() / true.var()).item())
print("policy and values", 0.5 * agree + 0.5 * close, "coin", 0.25)
