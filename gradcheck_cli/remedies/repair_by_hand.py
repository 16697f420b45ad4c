"""Repair what only its author can: the place is known, and what has to be there.

Works because  The experiment shows what is wrong; what was meant stands in no measurement.
Costs          Your time.
Not for        -
Sources        Karpathy 2019, A recipe for training neural networks.
"""

from collections.abc import Iterator

from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy

ADVICE: dict[str, tuple[str, str]] = {
    "flipped-loss": (
        "Turn the loss round: it rewards mistakes.",
        "loss = -loss  # or take the minus away; label_smoothing below 0.5; weights above 0\n"
        "loss = F.triplet_margin_loss(anchor, positive, negative)  # in this order",
    ),
    "loss-without-bound": (
        "Give the loss an end: nll_loss takes logarithms of probabilities, and penalties are added.",
        "loss = F.nll_loss(output.log_softmax(dim=1), target)  # or F.cross_entropy(output, target)\n"
        "loss = reconstruction + weight * divergence           # the divergence is never below 0",
    ),
    "target-outside-loss-domain": (
        "Give the loss the targets that it is documented for.",
        "target = same.float() * 2 - 1  # 1 and -1: embedding, ranking and soft margin losses\n"
        "loss = F.kl_div(log_p, q)      # of probabilities q; log_target=True for their logarithms\n"
        "loss = F.mse_loss(output, y)   # of numbers to predict; binary_cross_entropy takes 0 to 1",
    ),
    "softmax-over-batch": (
        "Take the softmax over the classes, not over the samples.",
        "probabilities = output.softmax(dim=1)  # not dim=0; better: F.cross_entropy(output, target)",
    ),
    "mixed-samples": (
        "Keep the samples apart: transpose or permute where a view or reshape mixes them. Encode positions, not samples.",
        "x = x.transpose(1, 2)     # exchanges dimensions\n"
        "x = x.flatten(1)          # keeps the first dimension; view(-1, n) may not\n"
        "loss = F.cross_entropy(scores.transpose(1, 2), y)  # where classes came last: it reads them from dimension 1\n"
        "nn.LSTM(width, size, batch_first=True)  # where samples come first\n"
        "x = x + self.pe[: x.size(1)]            # pe of (positions, width); x.size(0) counts samples",
    ),
    "unused-input": (
        "Use the input in forward, or leave it out; normalize over more than one number.",
        "x = torch.cat([x, other], dim=1)  # what forward was given must reach its output\n"
        "states, _ = self.rnn(x)\n"
        "x = states[:, -1]  # after the last position; states[:, 0] knows the first one only",
    ),
    "representation-collapse": (
        "Keep different samples apart: by negatives, by a variance term, or by a predictor and a stopped gradient.",
        "loss = -F.cosine_similarity(predictor(z1), z2.detach(), dim=1).mean()   # BatchNorm in the projection\n"
        "loss = F.cross_entropy(z1 @ z2.T / 0.1, torch.arange(len(z1)))          # others are negatives\n"
        "loss = loss + F.relu(1 - z1.std(0)).mean() + F.relu(1 - z2.std(0)).mean()\n"
        "loss = -(F.logsigmoid(positive) + F.logsigmoid(-negative)).mean()       # mind the sign of negatives",
    ),
    "leaking-target": (
        "Mask what lies ahead of each position.",
        "mask = torch.ones(n, n, dtype=torch.bool).tril()\n"
        "scores = scores.masked_fill(~mask, float('-inf'))",
    ),
    "missing-positions": (
        "Add an encoding of the positions to the embedded tokens.",
        "x = self.token(codes) + self.position(torch.arange(codes.shape[1], device=codes.device))",
    ),
    "inverted-mask": (
        "Turn the padding mask round: it hides the tokens and keeps the padding.",
        "padded = codes == PAD  # True is what attention must not look at",
    ),
    "padding-in-loss": (
        "Leave padding out of the loss.",
        "loss = F.cross_entropy(scores.transpose(1, 2), target, ignore_index=PAD)  # not a word's number",
    ),
    "evaluation-statistics": (
        "Let normalization collect its statistics: momentum 0.1, and training batches in train mode.",
        "nn.BatchNorm2d(channels)  # momentum=0.1; 0 never updates the running statistics",
    ),
    "attention-scale": (
        "Divide the scores of attention by the square root of their width.",
        "scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])",
    ),
    "gradient-hook": (
        "Take the hook away, or let it hand on gradients of about the size it is given.",
        "handle.remove()  # what register_hook(...) returned",
    ),
    "unshuffled-data": (
        "Shuffle the data: it is sorted by class.",
        "loader = DataLoader(data, batch_size=32, shuffle=True)",
    ),
    "no-nonlinearity": (
        "Put a nonlinearity between the layers: without one they are worth a single layer.",
        "nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c))  # none behind the last one",
    ),
    "state-not-carried": (
        "Hand the state of a position on to the next one.",
        "state = torch.zeros(len(x), width)   # once, before the loop\n"
        "for t in range(x.shape[1]):\n    state = self.cell(x[:, t], state)",
    ),
}


@remedy(
    "repair-by-hand",
    treats=(
        "flipped-loss",
        "loss-without-bound",
        "target-outside-loss-domain",
        "softmax-over-batch",
        "mixed-samples",
        "unused-input",
        "representation-collapse",
        "leaking-target",
        "missing-positions",
        "inverted-mask",
        "padding-in-loss",
        "evaluation-statistics",
        "attention-scale",
        "gradient-hook",
        "no-nonlinearity",
        "unshuffled-data",
        "state-not-carried",
    ),
    risk=REVIEW,
    part="code",
)
def repair_by_hand(case: Case) -> Iterator[Draft]:
    """Say what has to be there, and where."""
    summary, code = ADVICE[case.cause.name]
    where = f" In {case.cause.first_layer}." if case.cause.first_layer else ""
    yield Draft(
        summary=summary + where,
        code=code,
        cannot="only its author knows what was meant there",
        layers=case.cause.layers,
        at=case.cause.at,
        size=1,
    )
