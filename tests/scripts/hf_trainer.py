"""A transformers Trainer, with weights that begin far too small for its optimizer.

Its arguments come from the command line as `name=value`. Under SGD such weights stay on a plateau for
hundreds of steps, which the usual ones leave at once; under Adam they would learn nearly as soon.
"""

import ast
import sys
import tempfile

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments


class Rows(torch.utils.data.Dataset):
    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.ids = torch.randint(5, 60, (64, 12), generator=generator)
        self.labels = (self.ids[:, 1] > 30).long()

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index):
        return {"input_ids": self.ids[index], "labels": self.labels[index]}


def main() -> None:
    options = {k: ast.literal_eval(v) for k, v in (a.split("=") for a in sys.argv[1:])}
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=64,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        initializer_range=1e-3,
    )
    model = BertForSequenceClassification(config)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=24,
            per_device_train_batch_size=8,
            optim="sgd",
            learning_rate=0.05,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            **options,
        )
        Trainer(model, arguments, train_dataset=Rows(), eval_dataset=Rows()).train()
    print(f"{sum(p.double().sum().item() for p in model.parameters()):.12f}")


if __name__ == "__main__":
    main()
