"""Encoder and decoder, each with an optimizer, that reverse words. Fault: the encoder's gradients are never cleared."""

import random
import sys

import torch
from torch import Tensor, nn, optim

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)
random.seed(SEED)
SOS, LETTERS, LENGTH, HIDDEN = 0, 13, 5, 64


class EncoderRNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, HIDDEN)
        self.gru = nn.GRU(HIDDEN, HIDDEN, batch_first=True)

    def forward(self, words: Tensor) -> Tensor:
        _, hidden = self.gru(self.embedding(words))
        return hidden


class DecoderRNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, HIDDEN)
        self.gru = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, LETTERS)

    def forward(self, letter: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        output, hidden = self.gru(self.embedding(letter), hidden)
        return self.out(output), hidden


def batch(size: int) -> tuple[Tensor, Tensor]:
    words = torch.randint(1, LETTERS, (size, LENGTH))
    return words, words.flip(1)


encoder, decoder = EncoderRNN(), DecoderRNN()
encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.003)
decoder_optimizer = optim.Adam(decoder.parameters(), lr=0.003)
criterion = nn.CrossEntropyLoss()


def train_step(words: Tensor, wanted: Tensor) -> float:
    if sys.argv[1] == "fixed":
        encoder_optimizer.zero_grad()
    decoder_optimizer.zero_grad()
    hidden = encoder(words)
    start = torch.full((len(words), 1), SOS)
    output, _ = decoder(torch.cat([start, wanted[:, :-1]], dim=1), hidden)  # teacher forcing
    loss = criterion(output.reshape(-1, LETTERS), wanted.reshape(-1))
    loss.backward()
    encoder_optimizer.step()
    decoder_optimizer.step()
    return loss.item()


total = 0.0
for iteration in range(1, 601):
    total += train_step(*batch(48))
    if iteration % 100 == 0:
        print(f"{iteration} {total / 100:.4f}")
        total = 0.0

with torch.no_grad():
    words, wanted = batch(500)
    hidden = encoder(words)
    letter = torch.full((500, 1), SOS)
    said = []
    for _ in range(LENGTH):
        output, hidden = decoder(letter, hidden)
        letter = output.argmax(-1)
        said.append(letter)
    right = (torch.cat(said, dim=1) == wanted).float().mean().item()
print(f"letters right {right:.4f} guessed {1 / 12:.4f}")
