"""Change the lines of the loop that were seen to be wrong.

Works because  The mistake was seen when it happened, and the network is not to blame for what follows.
Costs          Nothing.
Not for        Loops that do it on purpose.
Sources        PyTorch documentation, torch.optim.
"""

from collections.abc import Iterator

from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy

STEP = """\
optimizer.zero_grad()
loss = loss_fn(model(x), y)
loss.backward()
optimizer.step()"""
UNSCALED = """\
scaler.scale(loss).backward()
scaler.unscale_(optimizer)
torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
scaler.step(optimizer)
scaler.update()"""
SCHEDULED = """\
for epoch in range(epochs):
    for x, y in loader:
        ...
        optimizer.step()
        # here: schedulers that count batches (OneCycleLR, warm-ups)
    scheduler.step()  # here: schedulers that count epochs (StepLR, MultiStepLR, ExponentialLR)"""
MODES = """\
model.eval()
with torch.no_grad():
    evaluate(model)
model.train()"""
# By the name of the finding: what to do, and the lines as they should be.
MENDED: dict[str, tuple[str, str]] = {
    "gradients-not-cleared": ("Clear the gradients once per update.", STEP),
    "gradients-cleared-too-early": ("Clear the gradients before backward(), not after it.", STEP),
    "optimizer-never-steps": ("Call optimizer.step() after backward().", STEP),
    "optimizer-of-another-model": (
        "Make the optimizer from the parameters of the model that is called.",
        "optimizer = torch.optim.Adam(model.parameters(), lr=...)  # the model that is called below",
    ),
    "clipped-before-unscale": ("Unscale the gradients before they are clipped.", UNSCALED),
    "schedule-ran-out": ("Step the scheduler as often as its numbers mean.", SCHEDULED),
    "eval-mode-in-training": ("Go back to train mode after each evaluation.", MODES),
    "evaluation-in-train-mode": ("Evaluate in eval mode.", MODES),
    "loss-term-without-gradient": (
        "Compute every term of the loss with its graph.",
        "loss = first_term + second_term  # neither under torch.no_grad() nor detached",
    ),
    "labels-all-ignored": (
        "Look at the labels that the loss receives.",
        "print((labels != -100).sum(dim=-1))  # 0: nothing to learn from this sample",
    ),
    "loss-rewrapped": ("Call backward() on the loss itself.", STEP),
    "checkpoint-cuts-gradient": (
        "Use checkpoints that do not need inputs with a gradient.",
        "x = checkpoint(block, x, use_reentrant=False)",
    ),
    "accumulation-not-divided": (
        "Divide the loss by the number of batches whose gradients are added up.",
        "(loss / accumulated).backward()  # as many as there are backward passes per update",
    ),
    "ascending-updates": (
        "Go down: a positive rate, and no maximizing.",
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.01, maximize=False)",
    ),
}


@remedy(
    "mend-loop",
    treats=(
        "gradients-not-cleared",
        "gradients-cleared-too-early",
        "optimizer-never-steps",
        "optimizer-of-another-model",
        "clipped-before-unscale",
        "schedule-ran-out",
        "eval-mode-in-training",
        "evaluation-in-train-mode",
        "loss-rewrapped",
        "loss-term-without-gradient",
        "labels-all-ignored",
        "checkpoint-cuts-gradient",
        "accumulation-not-divided",
        "ascending-updates",
    ),
    risk=REVIEW,
    part="loop",
)
def mend_loop(case: Case) -> Iterator[Draft]:
    """Show the lines as they should be."""
    summary, code = MENDED[case.cause.name]
    yield Draft(
        summary=summary,
        code=code,
        cannot="the loop is in the script, and only the script can run it",
        at=case.cause.at,
        size=1,
    )
