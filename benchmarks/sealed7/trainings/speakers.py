"""Which of 40 speakers is it? MLP on voice embeddings. Loss goes down in the third digit only :("""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

mode = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

SPEAKERS, DIM, EPOCHS = 40, 32, 6
voices = torch.randn(SPEAKERS, DIM)
y = torch.arange(SPEAKERS).repeat(50)
x = voices[y] + 0.8 * torch.randn(len(y), DIM)
order = torch.randperm(len(y))
x, y = x[order], y[order]
train = DataLoader(TensorDataset(x[:1600], y[:1600]), batch_size=32, shuffle=True)


class SpeakerNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(DIM, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, SPEAKERS)
        )

    def forward(self, x):
        out = self.layers(x)
        if mode == "buggy":
            out = torch.softmax(out, dim=1)
        return out


net = SpeakerNet()
opt = torch.optim.SGD(net.parameters(), lr=0.2)
loss_function = nn.CrossEntropyLoss()
for epoch in range(EPOCHS):
    running = 0.0
    for inputs, speaker in train:
        opt.zero_grad()
        loss = loss_function(net(inputs), speaker)
        loss.backward()
        opt.step()
        running += loss.item()
    print("epoch", epoch + 1, "loss", running / len(train))

with torch.no_grad():
    acc = (net(x[1600:]).argmax(1) == y[1600:]).float().mean().item()
print("test accuracy", acc, "chance", 1 / SPEAKERS)
