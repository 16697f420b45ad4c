"""The callbacks of Lightning and transformers, in their real trainers."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gradcheck_cli.policy import Policy
from gradcheck_cli.records.report import Report

pytestmark = pytest.mark.heavy


POLICY = Policy(budget=1, examine="none")


def tried(report: Report) -> bool:
    """Was a fix tried on the trainer's own steps, which were reproduced before?"""
    return any(f.verification.made == "replayed" and f.verification.arms for f in report.fixes)


def rows() -> TensorDataset:
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    return TensorDataset(x, (x[:, 0] > 0).long())


def sigmoids() -> nn.Sequential:
    layers = [m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    return nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 2))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stop", [False, True])
def test_lightning_gets_a_report_and_may_be_stopped(tmp_path: Path, stop: bool) -> None:
    import lightning

    from gradcheck_cli.integrations.lightning import GradcheckCallback

    class System(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = sigmoids()

        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.05)

    callback = GradcheckCallback(stop=stop, verify=not stop, policy=POLICY)
    trainer = lightning.Trainer(
        max_epochs=10,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
        callbacks=[callback],
        default_root_dir=tmp_path,
    )
    trainer.fit(System(), DataLoader(rows(), 32))
    assert "vanishing-gradient" in {f.name for f in callback.report.findings}
    assert callback.report.layers[0].path == "net.0"
    assert (callback.report.run.steps < 80) is stop
    assert not torch.nn.modules.module._global_forward_hooks
    assert stop or tried(callback.report)


@pytest.mark.filterwarnings("ignore")
def test_transformers_gets_a_report(tmp_path: Path) -> None:
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    from gradcheck_cli.integrations.transformers import GradcheckTrainerCallback

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=64,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=1e-3,
    )
    ids = torch.randint(5, 60, (64, 12))
    data = [{"input_ids": i, "labels": int(i[1] > 30)} for i in ids]
    arguments = TrainingArguments(
        str(tmp_path),
        max_steps=24,
        gradient_accumulation_steps=2,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    callback = GradcheckTrainerCallback(verify=True, policy=POLICY)
    model = BertForSequenceClassification(config)
    Trainer(model, arguments, train_dataset=data, callbacks=[callback]).train()
    assert callback.report.run.steps == 24
    assert "init-too-small" in {c.name for c in callback.report.causes}
    assert callback.finish() is callback.report
    assert tried(callback.report)
