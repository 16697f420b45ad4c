"""An actor and a critic learn to drive a cart to a mark. Fault: returns (N,) less values (N, 1) are N by N."""

import sys

import torch
from torch import Tensor, nn
from torch.distributions import Normal

BUGGY = sys.argv[1] == "buggy"
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
CARTS, STEPS, GAMMA = 32, 15, 0.9


class Track:
    """Carts on a line; a push moves a cart, and it pays to be near the mark."""

    def __init__(self, carts: int) -> None:
        self.place, self.mark = 4 * torch.rand(carts) - 2, 4 * torch.rand(carts) - 2

    def state(self) -> Tensor:
        return torch.stack([self.place, self.mark], dim=1)

    def step(self, push: Tensor) -> Tensor:
        self.place = self.place + 0.5 * push.squeeze(1).clamp(-1, 1)
        return -(self.place - self.mark).abs()


class Actor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 1))
        self.log_std = nn.Parameter(torch.tensor([-0.5]))

    def forward(self, state: Tensor) -> Normal:
        return Normal(self.net(state), self.log_std.exp())


def play(actor: Actor) -> tuple[Tensor, Tensor, Tensor]:
    """Return states (N, 2), actions (N, 1) and returns (N,) of one episode of all carts."""
    track, states, actions, rewards = Track(CARTS), [], [], []
    for _ in range(STEPS):
        states.append(track.state())
        with torch.no_grad():
            actions.append(actor(states[-1]).sample())
        rewards.append(track.step(actions[-1]))
    worth, after = [], torch.zeros(CARTS)
    for reward in reversed(rewards):
        after = reward + GAMMA * after
        worth.insert(0, after)
    return torch.cat(states), torch.cat(actions), torch.cat(worth)


def main() -> None:
    torch.manual_seed(SEED)
    actor = Actor()
    critic = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 1))
    actor_optimizer = torch.optim.Adam(actor.parameters(), lr=3e-3)
    critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)
    for _ in range(250):
        states, actions, returns = play(actor)
        if not BUGGY:
            returns = returns.unsqueeze(1)

        advantage = returns - critic(states)
        critic_loss = advantage.pow(2).mean()
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()

        advantage = advantage.detach()
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        actor_loss = -(actor(states).log_prob(actions) * advantage).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

    track = Track(1000)
    at_first = (track.place - track.mark).abs().mean().item()
    with torch.no_grad():
        for _ in range(STEPS):
            track.step(actor(track.state()).mean)
    left = (track.place - track.mark).abs().mean().item()
    print(f"held out {1 - left / at_first:.4f} reference 0.0")


if __name__ == "__main__":
    main()
