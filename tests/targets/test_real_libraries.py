"""Lightning, transformers and datasets as they are. Heavy: run where they are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Write

pytestmark = pytest.mark.heavy

TRAIN = """
import sys, warnings
from gradcheck_cli.targets.target import Target
import json
text = sys.argv[1]
options = json.loads(sys.argv[2])
target = Target.from_strings(text, **options)
def curve():
    training = target.build()
    return training, [float(training.step().loss) for _ in range(12)]
training, first = curve()
assert first == curve()[1], "not the same twice"
held = target.build(hold_out=True)
assert held.evaluate(2) == held.evaluate(2)
print(json.dumps([first[0], first[-1], training.loss_name, training.optimizer_name, training.assumptions,
    str(training.site_of(next(iter(training.model.children()))))]))
"""


def train(model: str, **options: object) -> tuple[float, float, str, str, list[str], str]:
    """Train in a fresh process below the working folder."""
    import json

    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, model, json.dumps(options)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": root, "PATH": "", "HOME": str(Path.cwd()), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer: tuple[float, float, str, str, list[str], str] = json.loads(
        done.stdout.strip().splitlines()[-1]
    )
    return answer


LIGHTNING = """
import torch, lightning
from torch import nn

class Net(lightning.LightningModule):
    def __init__(self, width: int = 8):
        super().__init__()
        self.save_hyperparameters()
        self.body = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))

    def forward(self, x):
        return self.body(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.cross_entropy(self(x), y)
        self.log("loss", loss, prog_bar=True)
        return {"loss": loss, "at": batch_idx}

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.5)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def train_dataloader(self):
        x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
        return torch.utils.data.DataLoader(list(zip(x, (x.sum(1) > 0).long())), 16, shuffle=True)

class Data(lightning.LightningDataModule):
    def setup(self, stage):
        self.x = torch.randn(64, 4)

    def train_dataloader(self):
        return torch.utils.data.DataLoader(list(zip(self.x, (self.x.sum(1) > 0).long())), 16)

class Gan(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.critic = nn.Linear(2, 4), nn.Linear(4, 1)

    def training_step(self, batch, batch_idx):
        first, second = self.optimizers()
        real = batch[0]
        self.toggle_optimizer(first)
        fake = self.generator(torch.randn(len(real), 2))
        loss = self.critic(fake.detach()).mean() - self.critic(real).mean()
        first.zero_grad(); self.manual_backward(loss); first.step()
        self.untoggle_optimizer(first)
        second.zero_grad(); self.manual_backward(-self.critic(fake).mean()); second.step()
        self.log_dict({"critic": loss})
        return loss

    def configure_optimizers(self):
        return [torch.optim.Adam(self.critic.parameters()), torch.optim.Adam(self.generator.parameters())], []
"""


def test_a_lightning_module_without_a_trainer(write: Write) -> None:
    write("demo_lit.py", LIGHTNING)
    first, last, loss, optimizer, said, site = train("demo_lit.py:Net")
    assert last < first
    assert (loss, optimizer) == ("training_step", "SGD")
    assert any(sentence.startswith("Lightning:") for sentence in said)
    assert site == "demo_lit.py:9"
    first, last, *_ = train("demo_lit.py:Net(width=4)", data="demo_lit.py:Data")
    assert last < first


def test_a_lightning_module_that_optimizes_by_hand(write: Write) -> None:
    write("demo_lit.py", LIGHTNING)
    _, _, _, optimizer, *_ = train("demo_lit.py:Gan", data="demo_lit.py:Data")
    assert optimizer == "Adam, Adam"


TRANSFORMERS = """
import torch
from transformers import (
    BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel, LlamaConfig,
    LlamaForCausalLM, T5Config, T5ForConditionalGeneration, ViTConfig, ViTForImageClassification,
    get_scheduler,  # not ours, though its name is a usual one
)

def size(**more):
    return dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, **more)

def bert():
    return BertForSequenceClassification(BertConfig(vocab_size=50, num_labels=3, **size()))

def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2,
                                      bos_token_id=0, eos_token_id=0))

def vit():
    return ViTForImageClassification(ViTConfig(image_size=16, patch_size=8, num_labels=3, **size()))

def t5():
    return T5ForConditionalGeneration(T5Config(vocab_size=50, d_model=16, d_kv=8, d_ff=32, num_layers=2,
                                               num_heads=2, decoder_start_token_id=0))

def llama():
    return LlamaForCausalLM(LlamaConfig(vocab_size=50, max_position_embeddings=16, **size()))

def tokens():
    return torch.randint(1, 50, (64, 8), generator=torch.Generator().manual_seed(0))

def classified():
    ids = tokens()
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids[:, 0] % 3}

def sequences():
    return {"input_ids": tokens(), "attention_mask": torch.ones_like(tokens())}

def pictures():
    return {"pixel_values": torch.randn(32, 3, 16, 16), "labels": torch.arange(32) % 3}

def pairs():
    return {"input_ids": tokens(), "labels": tokens() % 5}
"""
PAIRS = {
    "bert": "classified",
    "gpt2": "sequences",
    "vit": "pictures",
    "t5": "pairs",
    "llama": "sequences",
}


@pytest.mark.parametrize(("model", "data"), PAIRS.items(), ids=PAIRS.keys())
def test_models_of_transformers_from_a_config_and_from_a_folder(
    write: Write, model: str, data: str
) -> None:
    write("demo_hf.py", TRANSFORMERS)
    data = f"demo_hf.py:{data}"
    first, last, loss, _, said, site = train(f"demo_hf.py:{model}", data=data, lr=0.01)
    assert last < first
    assert loss == "the model's own loss"
    assert site.startswith("demo_hf.py:")
    assert ("labels: the tokens themselves" in " ".join(said)) == data.endswith("sequences")
    subprocess.run(
        [sys.executable, "-c", f"import demo_hf; demo_hf.{model}().save_pretrained('saved')"],
        check=True,
        capture_output=True,
    )
    first, last, loss, *_ = train("hf:saved", data=data, lr=0.01)
    assert last < first
    Path("saved/model.safetensors").unlink()
    first, last, _, _, said, _ = train("saved", data=data, lr=0.01)
    assert last < first
    assert "with fresh weights" in " ".join(said)


def test_a_saved_dataset_with_lists_of_different_lengths(write: Write) -> None:
    write("demo_hf.py", TRANSFORMERS)
    subprocess.run(
        [
            sys.executable,
            "-c",
            "import datasets\n"
            "rows = [{'text': 'x', 'input_ids': [1] * (2 + i % 5), 'labels': i % 3} for i in range(64)]\n"
            "split = datasets.Dataset.from_list(rows)\n"
            "datasets.DatasetDict(train=split, test=split).save_to_disk('saved')",
        ],
        check=True,
        capture_output=True,
    )
    _, _, loss, _, said, _ = train("demo_hf.py:bert", data="saved", lr=0.01)
    assert loss == "the model's own loss"
    text = " | ".join(said)
    assert "split 'train'" in text
    assert "columns text hold no numbers" in text
    assert "input_ids to 6" in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("{}", "names no class"),
        ('{"architectures": ["Nope"]}', "names no class"),
        ('{"auto_map": {"AutoModel": "x.Y"}}', "needs code of its own"),
    ],
)
def test_folders_that_are_no_model(write: Write, content: str, says: str) -> None:
    from gradcheck_cli.errors import UsageError
    from gradcheck_cli.targets.target import Target

    write("saved/config.json", content)
    with pytest.raises(UsageError, match=says):
        Target.from_strings("hf:saved", "x.csv")
