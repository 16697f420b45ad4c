"""Deep Q-learning in a small maze: every step costs 1, the episode ends at the exit."""

import random
import sys
from collections import deque

import torch
from torch import nn

MODE = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
random.seed(SEED)
torch.manual_seed(SEED)

MAZE = ["S...#", ".#...", ".#.#.", "...#.", "#...E"]
FREE = [(r, c) for r in range(5) for c in range(5) if MAZE[r][c] != "#"]
EXIT = (4, 4)
ACTIONS = [(-1, 0), (0, 1), (1, 0), (0, -1)]
MAX_STEPS = 30
GAMMA = 0.95


def encode(cells):
    x = torch.zeros(len(cells), 25)
    for i, (r, c) in enumerate(cells):
        x[i, r * 5 + c] = 1.0
    return x


def step(cell, action):
    r, c = cell[0] + ACTIONS[action][0], cell[1] + ACTIONS[action][1]
    if (r, c) in FREE:
        cell = (r, c)
    return cell, -1.0, cell == EXIT


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.Linear(25, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)]
        if MODE == "buggy":
            layers.append(nn.ReLU())
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)


policy_net, target_net = QNet(), QNet()
target_net.load_state_dict(policy_net.state_dict())
optimizer = torch.optim.Adam(policy_net.parameters(), lr=3e-3)
memory = deque(maxlen=5000)
updates = steps = 0

for episode in range(180):
    cell = random.choice(FREE[:-1])
    epsilon = max(0.1, 1.0 - episode / 100)
    for t in range(MAX_STEPS):
        if random.random() < epsilon:
            action = random.randrange(4)
        else:
            with torch.no_grad():
                action = policy_net(encode([cell])).argmax().item()
        new_cell, reward, done = step(cell, action)
        memory.append((cell, action, reward, new_cell, done))
        cell = new_cell
        steps += 1
        if len(memory) >= 64 and steps % 4 == 0:
            s, a, r, s2, d = zip(*random.sample(memory, 64))
            q = policy_net(encode(s)).gather(1, torch.tensor(a).unsqueeze(1)).squeeze(1)
            with torch.no_grad():
                best = target_net(encode(s2)).max(1).values
                goal = torch.tensor(r) + GAMMA * best * (1 - torch.tensor(d, dtype=torch.float32))
            loss = nn.functional.mse_loss(q, goal)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            updates += 1
            if updates % 50 == 0:
                target_net.load_state_dict(policy_net.state_dict())
        if done:
            break
    if episode % 20 == 0:
        print(f"episode {episode} steps {t + 1} epsilon {epsilon:.2f}")

solved = 0
for start in FREE[:-1]:
    cell = start
    for t in range(15):
        with torch.no_grad():
            action = policy_net(encode([cell])).argmax().item()
        cell, _, done = step(cell, action)
        if done:
            solved += 1
            break
print("starts from which the exit is found", solved / len(FREE[:-1]), "of", 0.0)
