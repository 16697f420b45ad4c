"""Which of four knocks began the recording? A plain ReLU RNN (Le et al. 2015) reads 30 frames."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

T, KINDS, DIM = 30, 4, 6


class Knocks(torch.utils.data.Dataset):
    def __init__(self, n):
        self.kind = torch.randint(0, KINDS, (n,))
        self.frames = torch.randn(n, T, DIM) * 0.1
        self.frames[torch.arange(n), 0, self.kind] += 1.0

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return self.frames[i], self.kind[i]


class Listener(nn.Module):
    def __init__(self, version, hidden=48):
        super().__init__()
        self.rnn = nn.RNN(DIM, hidden, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(hidden, KINDS)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.1)
        if version == "buggy":
            nn.init.normal_(self.rnn.weight_hh_l0, std=0.001)
        else:
            nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)

    def forward(self, x):
        _, h = self.rnn(x)
        return self.out(h[-1])


def main(version, seed=0):
    torch.manual_seed(int(seed))
    train, test = Knocks(1200), Knocks(400)
    net = Listener(version)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    for epoch in range(7):
        for frames, kind in torch.utils.data.DataLoader(train, batch_size=32, shuffle=True):
            opt.zero_grad()
            loss = F.cross_entropy(net(frames), kind)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
        print("epoch", epoch, "loss", round(loss.item(), 4))
    with torch.no_grad():
        acc = (net(test.frames).argmax(1) == test.kind).float().mean().item()
    print("accuracy", acc, "chance", 1 / KINDS)


main(*sys.argv[1:])
