# Tag prediction: every sample can have several tags (multi-label)
import os, sys
import torch
import torch.nn as nn
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score
from torch.utils.data import TensorDataset, DataLoader

opt = sys.argv[-1]
seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)

X, Y = make_multilabel_classification(
    n_samples=2500, n_features=40, n_classes=6, n_labels=2, length=150, random_state=seed
)
X = (X - X.mean(0)) / X.std(0)
X = torch.tensor(X, dtype=torch.float32)
Y = torch.tensor(Y, dtype=torch.float32)
train_dl = DataLoader(TensorDataset(X[:2000], Y[:2000]), batch_size=50, shuffle=True)


class Tagger(nn.Module):
    def __init__(self):
        super(Tagger, self).__init__()
        self.fc1 = nn.Linear(40, 64)
        self.fc2 = nn.Linear(64, 6)
        self.out = nn.Softmax(dim=1) if opt == "buggy" else nn.Sigmoid()

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        return self.out(self.fc2(x))


model = Tagger()
loss_fn = nn.BCELoss()
optim = torch.optim.Adam(model.parameters(), lr=0.004)
for epoch in range(10):
    for xb, yb in train_dl:
        optim.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optim.step()
    print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    pred = (model(X[2000:]) > 0.5).int().numpy()
truth = Y[2000:].int().numpy()
f1 = f1_score(truth, pred, average="micro", zero_division=0)
# constant prediction: the tags which are there in most samples / all tags
base = max(
    f1_score(truth, [[1] * 6] * len(truth), average="micro"),
    f1_score(
        truth,
        [(Y[:2000].mean(0) > 0.5).int().tolist()] * len(truth),
        average="micro",
        zero_division=0,
    ),
)
print("micro F1", f1, "constant", base)
print("SCORE", opt, round(max(0.0, (f1 - base) / (1 - base)), 3))
