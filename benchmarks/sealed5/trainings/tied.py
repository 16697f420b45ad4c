# Autoencoder whose decoder uses the transposed weights of the encoder
import os
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

mode = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

x = torch.tensor(load_digits().data / 16, dtype=torch.float32)
x = x[torch.randperm(len(x))]
train, test = x[:1400], x[1400:]


class TiedAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1 = nn.Parameter(torch.empty(48, 64))
        self.w2 = nn.Parameter(torch.empty(12, 48))
        nn.init.xavier_uniform_(self.w1)
        nn.init.xavier_uniform_(self.w2)
        self.b1 = nn.Parameter(torch.zeros(48))
        self.b2 = nn.Parameter(torch.zeros(12))
        self.b3 = nn.Parameter(torch.zeros(48))
        self.b4 = nn.Parameter(train.mean(0).clone())

    def forward(self, x):
        h = F.elu(F.linear(x, self.w1, self.b1))
        code = F.linear(h, self.w2, self.b2)
        h = F.elu(F.linear(code, self.w2.t(), self.b3))
        return F.linear(h, self.w1.t(), self.b4)


ae = TiedAE()
opt = torch.optim.Adam(ae.parameters(), lr=3e-3)
for epoch in range(15):
    for b in torch.randperm(len(train)).split(32):
        # input is noisy (denoising autoencoder)
        loss = F.mse_loss(ae(train[b] + 0.1 * torch.randn_like(train[b])), train[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("epoch", epoch, loss.item())

with torch.no_grad():
    err = ((ae(test) - test) ** 2).mean() / ((test - train.mean(0)) ** 2).mean()
print("unexplained", err.item())
print("SCORE", mode, round(max(0.0, 1 - err.item()), 3))
