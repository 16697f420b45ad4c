"""A file that trains when it is imported is recognized by reading it."""

from pathlib import Path

import pytest

from gradcheck_cli.errors import UsageError
from gradcheck_cli.probe.launching import find_script
from gradcheck_cli.scripts import looks_like_a_script
from gradcheck_cli.targets.importing import load_module
from gradcheck_cli.targets.references import parse

LOOP = "for x in data:\n    loss = net(x)\n    loss.backward()\n    optimizer.step()\n"
TRAIN = "def train(epochs):\n    for x in data:\n        loss = net(x)\n        loss.backward()\n"

SCRIPTS = {
    "a loop": LOOP,
    "a loop in a with and a try": "try:\n    with a:\n        while 1:\n            b.backward()\nfinally:\n    c()",
    "a function called below": TRAIN + "train(3)\n",
    "a function through another": TRAIN + "def main():\n    train(2)\nmain()\n",
    "one step as a function, in a loop": "def one(x):\n    f(x).backward()\nfor x in d:\n    one(x)\n",
    "an imported main": "from package import main\nmain()\n",
    "handed to a command line": "import fire\n" + TRAIN + "fire.Fire(train)\n",
    "a Trainer": "trainer = Trainer(model=m)\nresult = trainer.train()\n",
    "a trainer of one's own": "trainer = Trainer(c, m, d)\ntrainer.run()\n",
    "Ignite": "trainer = create_supervised_trainer(m, o, f)\ntrainer.run(d)\n",
    "TRL": "SFTTrainer('m', train_dataset=d).train()\n",
    "Lightning": "import lightning as L\nt = L.Trainer(max_epochs=1)\nt.fit(model, loader)\n",
    "accelerate": "for b in d:\n    accelerator.backward(loss)\n",
    "a method": "class L:\n    def fit(self):\n        for x in d:\n            x.backward()\nL().fit()\n",
    "LBFGS": "def closure():\n    l().backward()\nfor _ in range(9):\n    opt.step(closure)\n",
    "the else of a guard": "if __name__ == '__main__':\n    pass\nelse:\n    " + LOOP.replace("\n", "\n    "),
    "the opposite of a guard": "if __name__ != '__main__':\n    " + LOOP.replace("\n", "\n    "),
}  # fmt: skip
MODULES = {
    "guarded": "if __name__ == '__main__':\n    " + LOOP.replace("\n", "\n    "),
    "guarded main": TRAIN + "if '__main__' == __name__:\n    train(3)\n",
    "only functions": TRAIN,
    "a class": "class Net:\n    def fit(self):\n        for x in d:\n            x.backward()\n",
    "a mode": "model = build()\nmodel.train()\n",
    "a scaler of data": "from sklearn.preprocessing import StandardScaler\ns = StandardScaler()\ns.fit(x)\n",
    "an environment": "for _ in range(3):\n    state = env.step(0)\n",
    "one probe": "net(torch.ones(1)).sum().backward()\nassert net.weight.grad is not None\n",
    "a main that builds": "def main():\n    return build()\nnet = main()\n",
    "a method that builds": "class L:\n    def build(self):\n        return self.build()\nnet = L().build()\n",
    "recursion": "def f(n):\n    return f(n - 1) if n else 0\nf(3)\n",
    "no Python": "def (",
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_recognized(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.py"
    file.write_text(SCRIPTS[name])
    assert looks_like_a_script(file) > 0


@pytest.mark.parametrize("name", MODULES)
def test_a_file_that_only_defines_things_is_none(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.py"
    file.write_text(MODULES[name])
    assert looks_like_a_script(file) == 0


def test_nothing_of_a_script_is_run_and_the_command_for_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / "my train.py"
    mark = tmp_path / "ran"
    file.write_text(f"open({str(mark)!r}, 'w')\n{LOOP}")
    with pytest.raises(
        UsageError, match=r"\(line 4\).*gradcheck diagnose '.*my train.py'"
    ) as refusal:
        load_module(parse(f"{file}:net"))
    assert "\n" not in str(refusal.value)
    assert not mark.exists()


def test_a_notebook_is_not_run_as_a_script(tmp_path: Path) -> None:
    (notebook := tmp_path / "mine.ipynb").write_text("{}")
    with pytest.raises(UsageError, match="is a notebook: make a script of it"):
        find_script(str(notebook))
