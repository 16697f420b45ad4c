"""REINFORCE with a pole on a cart. Fault: returns are appended, not inserted in front, so the last step gets the first one's."""

import math
import sys

import torch
from torch import Tensor, nn
from torch.distributions import Categorical

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
GAMMA, LIMIT = 0.97, 100


class CartPole:
    """Euler steps of Barto, Sutton and Anderson's pole."""

    def reset(self) -> Tensor:
        self.state = torch.rand(4) * 0.1 - 0.05
        return self.state

    def step(self, action: int) -> tuple[Tensor, float, bool]:
        x, v, angle, turn = self.state.tolist()
        force = 10.0 if action == 1 else -10.0
        temp = (force + 0.05 * turn**2 * math.sin(angle)) / 1.1
        acc = (9.8 * math.sin(angle) - math.cos(angle) * temp) / (
            0.5 * (4 / 3 - 0.1 * math.cos(angle) ** 2 / 1.1)
        )
        push = temp - 0.05 * acc * math.cos(angle) / 1.1
        x, v, angle, turn = x + 0.02 * v, v + 0.02 * push, angle + 0.02 * turn, turn + 0.02 * acc
        self.state = torch.tensor([x, v, angle, turn])
        return self.state, 1.0, abs(x) > 2.4 or abs(angle) > 0.2095


class Policy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.affine1 = nn.Linear(4, 64)
        self.affine2 = nn.Linear(64, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.affine2(torch.relu(self.affine1(x))), dim=-1)


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
env = CartPole()


def finish_episode(rewards: list[float], log_probs: list[Tensor]) -> Tensor:
    R, returns = 0.0, []
    for r in rewards[::-1]:
        R = r + GAMMA * R
        if sys.argv[1] == "buggy":
            returns.append(R)
        else:
            returns.insert(0, R)
    wanted = torch.tensor(returns)
    wanted = (wanted - wanted.mean()) / (wanted.std() + 1e-6)
    return -(torch.stack(log_probs) * wanted).sum()


running = 10.0
for episode in range(200):
    state, rewards, log_probs = env.reset(), [], []
    for _ in range(LIMIT):
        m = Categorical(policy(state), validate_args=False)
        action = m.sample()
        log_probs.append(m.log_prob(action))
        state, reward, done = env.step(int(action))
        rewards.append(reward)
        if done:
            break
    optimizer.zero_grad()
    loss = finish_episode(rewards, log_probs)
    loss.backward()
    optimizer.step()
    running = 0.05 * len(rewards) + 0.95 * running
    if episode % 50 == 0:
        print(f"Episode {episode}\tLast length: {len(rewards)}\tAverage length: {running:.2f}")

steps = 0
with torch.no_grad():
    for _ in range(20):
        state = env.reset()
        for _ in range(LIMIT):
            state, _, done = env.step(int(policy(state).argmax()))
            steps += 1
            if done:
                break
print(f"of the steps possible {steps / (20 * LIMIT):.4f} random {20 / LIMIT:.4f}")
