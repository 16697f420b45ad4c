"""Sentences with a rule, classified by an encoder with a first token. Fault: the mask of real tokens hides them."""

import math
import sys
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

PAD, CLS, LONGEST, WORDS = 0, 1, 20, 40


class Sentences(Dataset[dict[str, Any]]):
    """Made-up sentences; two words of eight say the class, and which of the two comes first does not matter."""

    def __init__(self, count: int, seed: int) -> None:
        some = torch.Generator().manual_seed(seed)
        self.rows = []
        for _ in range(count):
            length = int(torch.randint(5, LONGEST, (), generator=some))
            words = torch.randint(10, WORDS, (length,), generator=some)
            pair = torch.randint(4, (2,), generator=some)
            places = torch.randperm(length, generator=some)[:2]
            words[places] = 2 + pair + torch.tensor([0, 4])
            label = int(pair.sum()) % 4
            self.rows.append({"input_ids": [CLS, *words.tolist()], "label": label})

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]


def collate(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)
    ids = [row["input_ids"] + [PAD] * (longest - len(row["input_ids"])) for row in rows]
    input_ids = torch.tensor(ids)
    return {
        "input_ids": input_ids,
        "attention_mask": (input_ids != PAD).long(),
        "labels": torch.tensor([row["label"] for row in rows]),
    }


class SelfAttention(nn.Module):
    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, hidden // heads
        self.query, self.key = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.value, self.out = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)

    def split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, self.size).transpose(1, 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.size)
        hidden_value = 1 if sys.argv[1] == "buggy" else 0
        scores = scores.masked_fill(mask[:, None, None, :] == hidden_value, -1e9)
        mixed = scores.softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.attention = SelfAttention(hidden, 4)
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.ffn = nn.Sequential(
            nn.Linear(hidden, 2 * hidden), nn.GELU(), nn.Linear(2 * hidden, hidden)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), mask)
        return x + self.ffn(self.norm2(x))


class EncoderForSequenceClassification(nn.Module):
    def __init__(self, hidden: int = 64, layers: int = 2, num_labels: int = 4) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, hidden, padding_idx=PAD)
        self.positions = nn.Embedding(LONGEST + 1, hidden)
        self.layers = nn.ModuleList(Layer(hidden) for _ in range(layers))
        self.norm, self.classifier = nn.LayerNorm(hidden), nn.Linear(hidden, num_labels)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> SimpleNamespace:
        places = torch.arange(input_ids.shape[1])
        x = self.words(input_ids) + 0.2 * self.positions(places)
        for layer in self.layers:
            x = layer(x, attention_mask)
        logits = self.classifier(self.norm(x[:, 0]))
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return SimpleNamespace(loss=loss, logits=logits)


def main() -> None:
    torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    train = DataLoader(Sentences(4000, 1), batch_size=64, shuffle=True, collate_fn=collate)
    test = DataLoader(Sentences(800, 2), batch_size=200, collate_fn=collate)
    model = EncoderForSequenceClassification()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=0.01)
    for epoch in range(6):
        model.train()
        for batch in train:
            outputs = model(**batch)
            outputs.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        print({"epoch": epoch, "loss": round(outputs.loss.item(), 4)})
    model.eval()
    with torch.no_grad():
        hits = [model(**b).logits.argmax(-1) == b["labels"] for b in test]
    print(f"held out {torch.cat(hits).float().mean().item():.4f} reference 0.25")


if __name__ == "__main__":
    main()
