"""StackOverflow 34311586: XOR with a softmax over one output, which is always 1."""

import torch
from torch import nn
from workshop import Split, options, start, tell, train

which, _ = options()
x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = torch.tensor([[0], [1], [1], [0]])
data = Split(x, y.float(), x, y)  # four points are all there are

last = nn.Sigmoid() if which == "fixed" else nn.Softmax(dim=1)
layers = [nn.Linear(2, 8), nn.Sigmoid(), nn.Linear(8, 3), nn.Sigmoid(), nn.Linear(3, 1)]
model = start(nn.Sequential(*layers, last), lambda w: nn.init.uniform_(w, -1, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
train(model, data, nn.MSELoss(), optimizer, epochs=600, batch=4)
tell(model, data)
