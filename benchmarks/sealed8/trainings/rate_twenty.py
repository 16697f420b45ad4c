"""AWD-LSTM style language model: SGD with a rate of 20 and gradients clipped at 0.25."""

import sys

import torch
import torch.nn as nn
from torch.nn.utils import clip_grad_norm_

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
VOCAB, DIM, BPTT, BATCH = 30, 40, 12, 16
table = torch.distributions.Dirichlet(torch.full((VOCAB,), 0.03)).sample((VOCAB,))


def corpus(length):
    stream = [torch.randint(0, VOCAB, (BATCH,))]
    for _ in range(length):
        stream.append(torch.multinomial(table[stream[-1]], 1).squeeze(1))
    return torch.stack(stream)


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Embedding(VOCAB, DIM)
        self.lstm = nn.LSTM(DIM, DIM)
        self.drop = nn.Dropout(0.1)
        self.decoder = nn.Linear(DIM, VOCAB)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)

    def forward(self, words, state):
        out, state = self.lstm(self.drop(self.encoder(words)), state)
        return self.decoder(self.drop(out)), state


train, valid = corpus(1200), corpus(200)
model = LM()
criterion = nn.CrossEntropyLoss()
lr = 20.0
for epoch in range(3):
    state = None
    model.train()
    for i in range(0, len(train) - 1, BPTT):
        words = train[i : i + BPTT + 1]
        if state is not None:
            state = tuple(s.detach() for s in state)
        model.zero_grad()
        logits, state = model(words[:-1], state)
        loss = criterion(logits.flatten(0, 1), words[1:].flatten())
        loss.backward()
        clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
    lr /= 2
    print(f"epoch {epoch} loss {loss.item():.3f}")

model.eval()
with torch.no_grad():
    logits, _ = model(valid[:-1], None)
right = (logits.argmax(-1) == valid[1:]).float().mean().item()
print("next word", right, "commonest", (valid.flatten().bincount().max() / valid.numel()).item())
