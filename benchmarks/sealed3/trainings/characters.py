"""A causal transformer that writes character by character. Fault: inputs and targets are the same characters."""

import random
import sys

import torch
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
shift = 1 if sys.argv[1] == "fixed" else 0
BLOCK = 24

WORDS = (
    ["a", "the", "every"],
    ["red", "small", "sleepy"],
    ["cat", "lion", "horse"],
    ["sees", "hunts"],
    ["a", "no"],
    ["dog", "mouse"],
)
draw = random.Random(0)
text = "".join(" ".join(draw.choice(words) for words in WORDS) + ". " for _ in range(400))
letters = sorted(set(text))
codes = torch.tensor([letters.index(letter) for letter in text])
train, test = codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10 :]


class Writer(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.token = nn.Embedding(len(letters), width)
        self.place = nn.Embedding(BLOCK, width)
        layer = nn.TransformerEncoderLayer(
            width, 2, 64, dropout=0.0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, len(letters))

    def forward(self, tokens: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        x = self.token(tokens) + self.place(torch.arange(tokens.shape[1]))
        return self.head(self.blocks(x, mask=mask, is_causal=True))


def batch(data: Tensor, count: int, shift: int) -> tuple[Tensor, Tensor]:
    starts = torch.randint(0, len(data) - BLOCK - 1, (count,))
    inputs = torch.stack([data[s : s + BLOCK] for s in starts])
    targets = torch.stack([data[s + shift : s + shift + BLOCK] for s in starts])
    return inputs, targets


model = Writer()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(200):
    inputs, targets = batch(train, 16, shift)
    logits = model(inputs)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step}: {loss.item():.4f}")

model.eval()
with torch.no_grad():
    inputs, targets = batch(test, 64, 1)
    right = (model(inputs).argmax(-1) == targets).float().mean().item()
often = (test == codes.mode().values).float().mean().item()
print(f"held out {right:.4f} reference {often:.4f}")
