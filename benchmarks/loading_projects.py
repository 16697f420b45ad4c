"""Small projects as people have them: files, and what to say to `Target.from_strings`."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Project:
    """One project. `prepare` is Python that runs in its folder first (it saves models and data)."""

    model: str
    files: dict[str, str]
    prepare: str = ""
    options: dict[str, Any] = field(default_factory=dict)


LIGHTNING = """
import torch, lightning
from torch import nn
class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    def forward(self, x):
        return self.body(x)
    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.cross_entropy(self(x), y)
        self.log("loss", loss)
        return loss
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)
    def train_dataloader(self):
        x = torch.randn(256, 4)
        return torch.utils.data.DataLoader(list(zip(x, (x.sum(1) > 0).long())), 16, shuffle=True)
"""
TRANSFORMERS = """
import torch
import transformers as t
size = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
def bert():
    return t.BertForSequenceClassification(t.BertConfig(vocab_size=50, num_labels=3, **size))
def gpt2():
    return t.GPT2LMHeadModel(t.GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2,
                                          bos_token_id=0, eos_token_id=0))
def vit():
    return t.ViTForImageClassification(t.ViTConfig(image_size=16, patch_size=8, num_labels=3, **size))
def t5():
    return t.T5ForConditionalGeneration(t.T5Config(vocab_size=50, d_model=16, d_kv=8, d_ff=32, num_layers=2,
                                                   num_heads=2, decoder_start_token_id=0))
def llama():
    return t.LlamaForCausalLM(t.LlamaConfig(vocab_size=50, max_position_embeddings=16, **size))
def tokens():
    return torch.randint(1, 50, (128, 8), generator=torch.Generator().manual_seed(0))
def bert_data():
    return {"input_ids": tokens(), "attention_mask": torch.ones_like(tokens()), "labels": tokens()[:, 0] % 3}
def gpt2_data():
    return {"input_ids": tokens()}
def vit_data():
    return {"pixel_values": torch.randn(128, 3, 16, 16), "labels": torch.arange(128) % 3}
def t5_data():
    return {"input_ids": tokens(), "labels": tokens() % 5}
llama_data = gpt2_data
"""
NET = """
from torch import nn
def build_model(inputs=5, outputs=2):
    return nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, outputs))
"""
SAMPLES = "import torch\nx = torch.randn(256, 5)\ny = (x.sum(1) > 0).long()\n"
TABLE = SAMPLES + "rows = [[*map(float, r), float(r.sum())] for r in x]\n"
LSTM = """
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence, pad_packed_sequence
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.head = nn.Embedding(20, 8), nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 3)
    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embed(tokens), lengths, True, enforce_sorted=False)
        return self.head(pad_packed_sequence(self.lstm(packed)[0], True, total_length=tokens.shape[1])[0])
def collate(samples):
    tags = pad_sequence([t for _, t in samples], True, padding_value=-100)
    return pad_sequence([s for s, _ in samples], True), torch.tensor([len(s) for s, _ in samples]), tags
def train_loader():
    samples = [torch.randint(1, 20, (n,)) for n in torch.randint(2, 9, (128,)).tolist()]
    return torch.utils.data.DataLoader([(s, s % 3) for s in samples], 16, shuffle=True, collate_fn=collate)
"""
GAN = """
import torch
from torch import nn
from torch.nn.functional import softplus
class Gan(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(), nn.Linear(16, 2))
        self.critic = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(), nn.Linear(16, 1))
model = Gan()
def train_data():
    return torch.randn(512, 2) * 0.3 + 1
def make_optimizer(model):
    return [torch.optim.Adam(part.parameters(), lr=1e-3) for part in (model.critic, model.generator)]
def training_step(model, real, optimizers):
    critic, generator = optimizers
    fake = model.generator(torch.randn(len(real[0]), 2))
    loss_c = softplus(-model.critic(real[0])).mean() + softplus(model.critic(fake.detach())).mean()
    critic.zero_grad(); loss_c.backward(); critic.step()
    loss_g = softplus(-model.critic(fake)).mean()
    generator.zero_grad(); loss_g.backward(); generator.step()
    return {"critic": loss_c, "generator": loss_g}
"""
INNER = "from torch import nn\nfrom .parts import WIDTH\ndef build_model():\n    return nn.Linear(WIDTH, 2)\n"
STREAM = """
import torch
class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        while True:
            x = torch.randn(5)
            yield x, (x.sum() > 0).long()
data = Stream()
"""
NAMED = """
import torch
from torch import nn
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(5, 8), nn.Linear(8, 2)
    def forward(self, image, scale):
        return {"logits": self.right(torch.relu(self.left(image * scale)))}
def train_data():
    x = torch.randn(256, 5)
    return {"image": x, "scale": torch.ones(256, 1), "label": (x.sum(1) > 0).long()}
"""
PICTURES = """
from pathlib import Path
from PIL import Image
for label, name in enumerate(("dark", "light")):
    Path("pictures", name).mkdir(parents=True)
    for i in range(64):
        Image.new("L", (8, 8), 40 + 120 * label + i).save(f"pictures/{name}/{i}.png")
"""
FLAT = "from torch import nn\nmodel = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))\n"
WITH_DATA = (
    NET
    + "\nimport torch\ndef train_data():\n    x = torch.randn(256, 5)\n    return x, (x.sum(1) > 0).long()\n"
)


def _transformers() -> dict[str, Project]:
    projects = {}
    for name in ("bert", "gpt2", "vit", "t5", "llama"):
        files = {"hf.py": TRANSFORMERS}
        options = {"data": f"hf.py:{name}_data", "lr": 1e-2}
        projects[f"{name} from a config"] = Project(f"hf.py:{name}", files, "", options)
        prepare = f"import hf; hf.{name}().save_pretrained('saved')"
        projects[f"{name} from a folder"] = Project("hf:saved", files, prepare, options)
    return projects


PROJECTS: dict[str, Project] = {
    "lightning module": Project("lit.py:Net", {"lit.py": LIGHTNING}),
    **_transformers(),
    "third-party factory": Project(
        "zoo:create_model('mlp', num_classes=2)",
        {
            "zoo/__init__.py": "from torch import nn\ndef create_model(name, num_classes):\n"
            "    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, num_classes))\n",
            "data.py": SAMPLES + "data = (x, y)\n",
        },
        options={"data": "data.py"},
    ),
    "hubconf": Project(
        "hub:mlp(width=9)",
        {
            "hub/hubconf.py": "dependencies = ['torch']\nfrom torch import nn\ndef mlp(width=4):\n"
            "    return nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Linear(width, 2))\n",
            "data.py": SAMPLES + "data = (x, y)\n",
        },
        options={"data": "data.py"},
    ),
    "dict batches": Project("named.py", {"named.py": NAMED}),
    "lstm on padded sequences": Project("tagger.py", {"tagger.py": LSTM}, options={"lr": 1e-2}),
    "csv regression": Project(
        "net.py:build_model(outputs=1)",
        {"net.py": NET},
        TABLE
        + "open('d.csv', 'w').write('a,b,c,d,e,total\\n' + '\\n'.join(','.join(map(str, r)) for r in rows))",
        {"data": "d.csv", "target_column": "total"},
    ),
    "parquet classification": Project(
        "net.py",
        {"net.py": NET},
        TABLE + "import pandas\nframe = pandas.DataFrame(x.numpy(), columns=list('abcde'))\n"
        "frame['label'] = ['no' if n < 0 else 'yes' for n in x.sum(1)]\nframe.to_parquet('d.parquet')",
        {"data": "d.parquet"},
    ),
    "npz": Project(
        "net.py",
        {"net.py": NET},
        SAMPLES + "import numpy\nnumpy.savez('d.npz', x_train=x, y_train=y, x_test=x, y_test=y)",
        {"data": "d.npz"},
    ),
    "image folder": Project("flat.py", {"flat.py": FLAT}, PICTURES, {"data": "pictures"}),
    "package with relative imports": Project(
        "shop/nets/whole.py",
        {
            "shop/__init__.py": "",
            "shop/nets/__init__.py": "",
            "shop/nets/parts.py": "WIDTH = 5\n",
            "shop/nets/whole.py": INNER,
            "data.py": SAMPLES + "data = (x, y)\n",
        },
        options={"data": "data.py"},
    ),
    "iterable dataset": Project(
        "net.py", {"net.py": NET, "stream.py": STREAM}, options={"data": "stream.py"}
    ),
    "compiled model": Project(
        "fast.py:fast",
        {
            "fast.py": WITH_DATA
            + "\ndef fast():\n    return torch.compile(build_model(), fullgraph=True)\n"
        },
    ),
    "gan with two optimizers": Project("gan.py", {"gan.py": GAN}),
}
