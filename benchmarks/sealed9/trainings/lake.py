"""DQN on a 5x5 lake with holes, from a buffer of random play."""

import random
import sys
from collections import namedtuple

import torch
import torch.nn.functional as F
from torch import nn

version, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
random.seed(seed)
STEPS, GAMMA, SIZE, SYNC = 300, 0.9, 5, 15
GOAL, HOLES = (4, 4), {(1, 1), (1, 3), (3, 0), (3, 3)}
MOVES = [(0, 1), (1, 0), (0, -1), (-1, 0)]
FREE = [(r, c) for r in range(SIZE) for c in range(SIZE) if (r, c) != GOAL and (r, c) not in HOLES]
Transition = namedtuple("Transition", "state action reward next_state done")


def env_step(s, a):
    row, col = (min(max(p + d, 0), SIZE - 1) for p, d in zip(s, MOVES[a]))
    if (row, col) == GOAL:
        return (row, col), 1.0, True
    return (row, col), 0.0, (row, col) in HOLES


def encode(s):
    return F.one_hot(torch.tensor(s[0] * SIZE + s[1]), SIZE * SIZE).float()


memory = []
for _ in range(3000):
    s, a = random.choice(FREE), random.randrange(4)
    s2, r, done = env_step(s, a)
    memory.append(Transition(encode(s), torch.tensor([a]), r, encode(s2), float(done)))


def make_net():
    return nn.Sequential(nn.Linear(SIZE * SIZE, 64), nn.ReLU(), nn.Linear(64, 4))


policy_net, target_net = make_net(), make_net()
optimizer = torch.optim.Adam(policy_net.parameters(), lr=5e-3)
for step in range(STEPS):
    if step % SYNC == 0:
        target_net.load_state_dict(policy_net.state_dict())
    batch = Transition(*zip(*random.sample(memory, 64)))
    state, action, next_state = (
        torch.stack(z) for z in (batch.state, batch.action, batch.next_state)
    )
    reward, done = torch.tensor(batch.reward), torch.tensor(batch.done)
    with torch.no_grad():
        target = reward + GAMMA * (1 - done) * target_net(next_state).max(1).values
    q = policy_net(state).gather(1, action)
    q = q if version == "buggy" else q.squeeze(1)
    loss = F.mse_loss(q, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} td loss {loss.item():.4f} mean q {q.mean().item():.3f}")


def success(policy, repeats):
    wins = 0
    for s in FREE * repeats:
        for _ in range(10):
            s, r, done = env_step(s, policy(s))
            if done:
                break
        wins += r > 0
    return wins / len(FREE) / repeats


with torch.no_grad():
    greedy = success(lambda s: int(policy_net(encode(s)).argmax()), 1)
print("reaches the goal", greedy, "random", success(lambda _: random.randrange(4), 30))
