"""The planted fault of programs of many kinds, each unmodified, has its fix proven."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import python

pytestmark = pytest.mark.heavy

MODEL = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
inputs = torch.randn(512, 8)
target = (inputs.sum(1) > 0).long()


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.Linear(8, 16)]
        for _ in range(8):
            layers += [nn.Sigmoid(), nn.Linear(16, 16)]
        self.layers = nn.Sequential(*layers, nn.Sigmoid(), nn.Linear(16, 2))

    def forward(self, x):
        return self.layers(x)
"""

ACCUMULATING = (
    MODEL
    + """
model = Deep()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
scaler = torch.amp.GradScaler("cpu")
loader = DataLoader(TensorDataset(inputs, target), batch_size=16, shuffle=True)
for epoch in range(4):
    for index, (x, y) in enumerate(loader):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(x), y) / 2
        scaler.scale(loss).backward()
        if index % 2:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            schedule.step()
    with torch.no_grad():
        print("accuracy", (model(inputs).argmax(1) == target).float().mean().item())
"""
)

TRAINER = (
    MODEL
    + """
from transformers import Trainer, TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput


class Classifier(Deep):
    def forward(self, x=None, labels=None):
        logits = self.layers(x)
        return SequenceClassifierOutput(loss=F.cross_entropy(logits, labels), logits=logits)


rows = [{"x": x, "labels": y} for x, y in zip(inputs, target)]
arguments = TrainingArguments(
    output_dir="out", per_device_train_batch_size=16, gradient_accumulation_steps=2, max_steps=60,
    learning_rate=1e-3, report_to=[], disable_tqdm=True, logging_steps=20, save_steps=25, use_cpu=True,
)
Trainer(model=Classifier(), args=arguments, train_dataset=rows).train()
"""
)

LIGHTNING = (
    MODEL
    + """
import lightning as L


class Lit(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Deep()

    def training_step(self, batch, _):
        x, y = batch
        loss = F.cross_entropy(self.net(x), y)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


loader = DataLoader(TensorDataset(inputs, target), batch_size=16, shuffle=True)
trainer = L.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False)
trainer.fit(Lit(), loader)
"""
)

ACCELERATE = (
    MODEL
    + """
from accelerate import Accelerator

accelerator = Accelerator(cpu=True)
model = Deep()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = DataLoader(TensorDataset(inputs, target), batch_size=16, shuffle=True)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
for epoch in range(2):
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad()
"""
)

CARRIED = """
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
row = torch.randint(0, 8, (16, 641))


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.cell = nn.Embedding(8, 16), nn.GRU(16, 32, batch_first=True)
        layers = []
        for _ in range(8):
            layers += [nn.Linear(32, 32), nn.Sigmoid()]
        self.head = nn.Sequential(*layers, nn.Linear(32, 8))

    def forward(self, tokens, state):
        hidden, state = self.cell(self.embed(tokens), state)
        return self.head(hidden), state


model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
state = torch.zeros(1, 16, 32)
for start in range(0, 640, 8):
    tokens, wanted = row[:, start:start + 8], row[:, start:start + 8].roll(1, 1)
    output, state = model(tokens, state.detach())
    loss = F.cross_entropy(output.flatten(0, 1), wanted.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

ADVERSARIAL = """
import torch
from torch import nn

torch.manual_seed(0)
real = torch.randn(512, 2) * 0.5 + torch.tensor([2.0, -1.0])
G = nn.Sequential(nn.Linear(4, 32), nn.LeakyReLU(0.2), nn.Linear(32, 2))
layers = [nn.Linear(2, 16)]
for _ in range(8):
    layers += [nn.Sigmoid(), nn.Linear(16, 16)]
D = nn.Sequential(*layers, nn.Sigmoid(), nn.Linear(16, 1))
of_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
of_d = torch.optim.SGD(D.parameters(), lr=0.05)
criterion = nn.BCEWithLogitsLoss()
for step in range(150):
    x = real[torch.randint(0, 512, (32,))]
    ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
    fake = G(torch.randn(32, 4))
    of_d.zero_grad()
    (criterion(D(x), ones) + criterion(D(fake.detach()), zeros)).backward()
    of_d.step()
    of_g.zero_grad()
    criterion(D(fake), ones).backward()
    of_g.step()
"""

NOTEBOOK = (
    MODEL
    + """
from gradcheck_cli import Policy, watch

model = Deep()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with watch(model, optimizer, verify=True, policy=Policy(examine="none")) as w:
    for start in range(0, 512, 8):
        x, y = inputs[start:start + 8], target[start:start + 8]
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
report = w.verify(60)
first = report.fixes[0].verification
assert first.status.value == "verified", first.reason
print(first.made)
"""
)

PROGRAMS = {
    "adversarial": ADVERSARIAL,
    "accumulating": ACCUMULATING,
    "trainer": TRAINER,
    "lightning": LIGHTNING,
    "accelerate": ACCELERATE,
    "carried": CARRIED,
}


def told(folder: Path, script: str) -> dict[str, Any]:
    """Run a script with --verify and return the report; two networks share the time for trials."""
    (folder / "train.py").write_text(script)
    budget = "120" if script == ADVERSARIAL else "60"
    words = ("run", "--verify", "--examine", "none", "--budget", budget, "-o", "json:report.json")
    done = python(folder, "-m", "gradcheck_cli", *words, "train.py", timeout=900)
    assert (folder / "report.json").exists(), done.stderr
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_fix_of_a_planted_fault_is_proven(name: str, tmp_path: Path) -> None:
    report = told(tmp_path, PROGRAMS[name])
    first = report["fixes"][0]["verification"]
    assert first["status"] == "verified", first.get("reason")
    assert first["made"] == "replayed"
    assert any("reproduced" in line for line in report["assumptions"])


def test_a_loop_in_a_notebook_has_the_fix_proven(tmp_path: Path) -> None:
    (tmp_path / "cell.py").write_text(NOTEBOOK)
    done = python(tmp_path, "cell.py", timeout=900)
    assert done.stdout.strip() == "replayed", done.stderr
