"""DQN on a 5x5 grid with a target network and a replay buffer"""

import os
import random
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F

kind = sys.argv[-1]
seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
random.seed(seed)

SIZE, GOAL, LIMIT = 5, 24, 20
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]
eye = torch.eye(SIZE * SIZE)


def move(cell, a):
    r = min(SIZE - 1, max(0, cell // SIZE + MOVES[a][0]))
    c = min(SIZE - 1, max(0, cell % SIZE + MOVES[a][1]))
    new = r * SIZE + c
    return new, (1.0 if new == GOAL else -0.02), new == GOAL


def play(net, episodes=100):
    total = 0
    for _ in range(episodes):
        cell = random.randrange(GOAL)
        best = (SIZE - 1 - cell // SIZE) + (SIZE - 1 - cell % SIZE)
        for t in range(1, LIMIT + 1):
            cell, _, done = move(cell, net(eye[cell]).argmax().item())
            if done:
                total += best / t
                break
    return total / episodes


q = nn.Sequential(nn.Linear(25, 48), nn.ReLU(), nn.Linear(48, 4))
target = nn.Sequential(nn.Linear(25, 48), nn.ReLU(), nn.Linear(48, 4))
target.load_state_dict(q.state_dict())
optimizer = torch.optim.Adam(q.parameters(), lr=3e-3)
buffer = []
cell, t = random.randrange(GOAL), 0
for step in range(1800):
    eps = max(0.1, 1 - step / 800)
    if random.random() < eps:
        a = random.randrange(4)
    else:
        with torch.no_grad():
            a = q(eye[cell]).argmax().item()
    new, reward, done = move(cell, a)
    buffer.append((cell, a, reward, new, float(done)))
    cell, t = new, t + 1
    if done or t >= LIMIT:
        cell, t = random.randrange(GOAL), 0
    if len(buffer) < 100 or step % 2:
        continue
    s, act, r, s2, d = zip(*random.sample(buffer, 64))
    value = q(eye[list(s)]).gather(1, torch.tensor(act).unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        goal_value = torch.tensor(r) + 0.9 * (1 - torch.tensor(d)) * target(eye[list(s2)]).max(1)[0]
    loss = F.smooth_l1_loss(value, goal_value)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        target.load_state_dict(q.state_dict())
    if step % 200 == 0:
        print("step", step, "loss", loss.item(), "eps", eps)

with torch.no_grad():
    score = play(q)
print("path efficiency", score)
print("SCORE", kind, round(score, 3))
