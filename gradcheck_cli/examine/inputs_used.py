"""Does the model use its inputs?"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.edges import edges_join
from gradcheck_cli.examine.missing_codes import SURE, rounded
from gradcheck_cli.examine.passes_over import hooked, outputs_alike, quietly
from gradcheck_cli.examine.samples_differ import samples_differ
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import OWN_CHOICES
from gradcheck_cli.rules.base import number

NONE = 1e-6  # of the size of outputs: nothing but rounding
ROUNDING = (
    1e-3  # of the size of outputs: as much as a normalization over one number may leave of it
)
NOTICED = 1e-3  # of what a layer is given, or of the deviation of 1 that it should have
FEWEST = 50  # rows of an embedding that may be words
HALF = 0.5  # of the tokens, and of the rows
SAME = 0.99  # of the tokens, each in its place: so few others tell nothing
ROWS, READ = 8, 2  # of an embedding, and of those that are ever read


@experiment(
    "inputs-used",
    "Do the outputs depend on every input?",
    words_known="Are most of the tokens known?",
    numbers_whole="Are numbers of rows exact?",
    rows_read="Do different numbers read different rows of an embedding?",
    edges_join="Do edges join the nodes of all graphs?",
    samples_differ="Do samples with different targets have different inputs?",
)
def inputs_used(scene: Scene) -> Iterator[Said]:
    """Exchange each input between the samples, by itself, and see whether outputs change.

    Procedure  in evaluation mode, now: one argument of the model at a time gets the values of other
               samples (the batch turned by one); arguments that are alike for all samples are left out, and
               those of another length than outputs or most arguments have, as the edges of a graph, and what a
               dict or an object holds that is handed over as a whole: it may hold more than a model reads. All
               outputs are compared. Of tokens: the share of the commonest one and of those that all samples share, and how many rows of the
               embedding are ever read. Of whole numbers: are the large ones those that bfloat16 or float16 can hold?
    Answers    fine: outputs change with each. Wrong: they do not change at all with one, and do with another;
               or with any, and a normalization gives all samples the same, as one over a single number does;
               or most tokens, between others, are one and the same, or all samples are one text but for their
               lengths, and most rows are never read; or a column of fractions is
               cut to whole numbers, which name one row or two of an embedding of eight or more; or 64 different
               numbers are all rounded as in half precision: two in three name another row than they did;
               or the edges of a batch of graphs all count from 0; or where nothing is learned eight samples and more share
               one input on average, and half of the variance of targets lies between such: an array was stored again and again.
    Costs      a forward pass for each argument.
    Sources    permutation importance (Breiman 2001, sec. 10).
    """
    subject = scene.subject
    yield from _unknown(subject, learns=scene.learns)
    yield from rounded(subject)
    yield from _cut(subject)
    yield from edges_join(subject)
    if scene.trace.loss.surrogate == OWN_CHOICES:  # what it is given follows from what it chose
        raise NotApplicableError(f"the size of the loss tells nothing: {OWN_CHOICES}")
    if not scene.learns:
        yield from samples_differ(subject)
    batch = subject.batches[0]
    named = _of_samples(subject, batch)
    own = {n: t for n, t in named.items() if "." not in n}
    differing = {n: u for n, t in own.items() if not torch.equal(u := t.roll(1, 0), t)}
    if not differing:
        raise NotApplicableError("all samples of a batch have the same inputs")
    effects: dict[str, float] = {}
    with quietly(subject):
        before = outputs_alike(subject, batch)
        for name, tensor in differing.items():
            effect = _effect(subject, before, {name: tensor})
            if effect is not None:
                effects[name] = effect
    if not effects:
        raise NotApplicableError("the model refuses inputs of other samples")
    unused, least = [n for n, effect in effects.items() if effect <= NONE], min(effects.values())
    if max(effects.values()) <= ROUNDING and (silent := _silencing(subject, differing, effects)):
        yield silent
        return
    if len(unused) == len(effects):
        raise NotApplicableError("no input changes an output now: the model gives one answer")
    yield Said(
        outcome=Outcome.WRONG if unused else Outcome.FINE,
        said=f"outputs do not change when {', '.join(unused)} is exchanged between samples"
        if unused
        else f"exchanged between samples they change outputs by {number(100 * least)} % or more",
        measured=100 * least,
        limit=100 * NONE,
        unit="%",
        supports=("unused-input",) if unused else (),
    )


def _silencing(
    subject: Subject, inputs: Mapping[str, Tensor], taken: Collection[str]
) -> Said | None:
    """Name the normalization that is given different numbers and gives all samples the same."""
    leaves = {m: n for n, m in subject.model.named_modules() if not any(m.children())}
    names = {m: n for m, n in leaves.items() if "norm" in type(m).__name__.lower()}
    passes: list[dict[nn.Module, list[Tensor]]] = []

    def note(module: nn.Module, given: Any, output: Any) -> None:
        found = [x.detach().clone() for x in tensors_in((given[:1], output))]
        passes[-1].setdefault(module, found)

    with quietly(subject), hooked(names, note):
        for exchanged in ({}, {n: t for n, t in inputs.items() if n in taken}):
            passes.append({})
            outputs_alike(subject, subject.batches[0], exchanged)
    for module, before in passes[0].items():
        after = passes[1].get(module, [])
        if [len(before), len(after)] != [2, 2] or before[0].shape != after[0].shape:
            continue
        heard, told = (float((a - b).abs().max()) for a, b in zip(before, after, strict=True))
        if heard > NOTICED * float(before[0].abs().max()) and told <= NOTICED * min(heard, 1.0):
            return Said(
                outcome=Outcome.WRONG,
                said=f"outputs do not change with any input: {names[module]}, a {type(module).__name__}, is given different "
                "numbers and gives all samples the same, as a normalization over a single number does",
                measured=0.0,
                limit=100 * NONE,
                unit="%",
                layers=(names[module],),
                supports=("unused-input",),
            )
    return None


def _unknown(subject: Subject, *, learns: bool) -> Iterator[Said]:
    """Say where most words of a text are one token: they were looked up in another vocabulary's spelling.

    Or where all samples are one text, but for their lengths, and nothing is learned.
    """
    seen: list[tuple[int, Tensor]] = []
    tables = [m for m in subject.model.modules() if isinstance(m, nn.Embedding)]
    if not any(m.num_embeddings >= ROWS for m in tables):
        return

    def note(table: Any, given: Any, _output: Any) -> None:
        seen.extend((table.num_embeddings, x) for x in islice(tensors_in(given), 1))

    with quietly(subject), hooked(tables, note):
        subject.outputs(subject.batches[0])
    inputs = subject.inputs(subject.batches[0])
    for name, first in inputs.items():
        # columns of a table have each their own numbers, and their own embedding or an offset
        whole = (n for n, x in seen if x.shape == first.shape and torch.equal(x, first))
        if first.ndim != 2 or (size := max(whole, default=0)) < ROWS:
            continue
        rows = [row for b in subject.batches for row in subject.inputs(b).get(name, first[:0])]
        words, counts = torch.cat(rows).unique(return_counts=True)
        common, share = words[counts.argmax()], float(counts.max() / counts.sum())
        read = len(words) / size
        places = [(row != common).nonzero().flatten() for row in rows]  # of other words
        # padding stands before or behind them
        between = any(len(at) > 1 and int(at[-1] - at[0]) >= len(at) for at in places)
        most = size >= FEWEST and share > HALF and between
        alone = all(_says_nothing(x, first) for n, x in inputs.items() if n != name)
        same = 0.0 if most or learns or not alone else _same(rows)
        if read < HALF and (most or same > SAME):
            what = (
                f"are {int(common)}" if most else "are the same in all samples, each in its place"
            )
            yield Said(
                about="words-known",
                outcome=Outcome.WRONG,
                said=f"{number(100 * (same or share))} % of the tokens of {name} {what}, and {number(100 * read)} % of the "
                f"{size} rows of the embedding are read; look words up as they stand in the vocabulary",
                measured=100 * (same or share),
                limit=100 * (HALF if most else SAME),
                unit="%",
                supports=("degenerate-data",),
            )


def _says_nothing(other: Tensor, tokens: Tensor) -> bool:
    """Is an input the same for all samples, or of their lengths alone?"""
    lengths = not other.is_floating_point() and other.shape == tokens.shape[:1]
    masks = other.shape == tokens.shape and bool(((other == 0) | (other == 1)).all())
    return not other.ndim or lengths or masks or bool((other == other[:1]).all())


def _same(texts: list[Tensor]) -> float:
    """Return the share of tokens that most texts have in that place, up to padding: 0 where one place tells them apart."""
    table = torch.stack([x[: min(map(len, texts))] for x in texts])
    if len(table) < ROWS:
        return 0.0
    padded = table.eq(table[:, -1].mode().values).flip(1).cumprod(1).flip(1).bool()
    for words in (torch.ones_like(padded), ~padded):
        columns = [x[real] for x, real in zip(table.T, words.T, strict=True) if real.any()]
        alike = [column == column.mode().values for column in columns]
        share = float(torch.cat(alike).float().mean()) if alike else 0.0
        if share > SAME and min(float(x.float().mean()) for x in alike) > HALF:
            return share
    return 0.0


def _cut(subject: Subject) -> Iterator[Said]:
    """Say where fractions are cut to numbers of rows: columns were scaled, and the number of the row with them."""
    tables = {m: n for n, m in subject.model.named_modules() if isinstance(m, nn.Embedding)}
    read: dict[nn.Embedding, list[Tensor]] = {m: [] for m in tables if m.num_embeddings >= ROWS}
    if not read:
        return

    def note(table: Any, given: Any, _output: Any) -> None:
        read[table].extend(x.flatten() for x in islice(tensors_in(given), 1))

    with quietly(subject), hooked(read, note):
        for batch in subject.batches:
            subject.outputs(batch)
    for table, found in read.items():
        rows = torch.cat(found) if found else torch.zeros(0)
        for name, index, values in _columns(subject):
            parted = float((values != values.round()).float().mean())
            same = len(rows) == len(values) and torch.equal(values.to(rows.dtype), rows)
            if same and parted > HALF and len(rows.unique()) <= READ < len(values.unique()) / READ:
                yield Said(
                    about="rows-read",
                    outcome=Outcome.WRONG,
                    said=f"the {len(values.unique())} different numbers in column {index} of {name}, {number(float(values.min()))} to "
                    f"{number(float(values.max()))}, are cut to whole ones and read {len(rows.unique())} of "
                    f"{table.num_embeddings} rows of {tables[table]}: do not scale numbers of rows",
                    measured=float(len(rows.unique())),
                    limit=float(READ),
                    unit="rows",
                    supports=("degenerate-data",),
                )


def _columns(subject: Subject) -> Iterator[tuple[str, int, Tensor]]:
    """Yield the first columns of each table of numbers: its name, the column's place, and what all batches hold there."""
    inputs = [subject.inputs(b) for b in subject.batches]
    for name, first in inputs[0].items():
        parts = [x[name] for x in inputs if name in x]
        if first.is_floating_point() and {x.shape[1:] for x in parts} == {first.shape[1:2]} != {()}:
            for index in range(min(first.shape[1], SURE)):
                yield name, index, torch.cat([x[:, index] for x in parts])


def _of_samples(subject: Subject, batch: Any) -> dict[str, Tensor]:
    """Return the arguments whose rows are samples: as many as the outputs', else the commonest number."""
    named = {n: t for n, t in subject.inputs(batch).items() if t.ndim and len(t) > 1}
    lengths = Counter(len(t) for t in named.values())
    if len(lengths) < 2:
        return named
    with quietly(subject):
        rows = len(subject.main(subject.outputs(batch)))
    if rows not in lengths:
        rows = max(lengths, key=lambda length: (lengths[length], length))
    return {n: t for n, t in named.items() if len(t) == rows}


def _effect(subject: Subject, before: Any, inputs: dict[str, Tensor]) -> float | None:
    """Return the largest change of an output, relative to its size; None where the model refuses.

    One of several outputs may follow one input alone. An output that is the input itself tells nothing.
    """
    try:
        after = outputs_alike(subject, subject.batches[0], inputs)
    except GradcheckError:
        return None
    if subject.main(after).shape != subject.main(before).shape:
        return None
    given = {id(tensor) for tensor in inputs.values()}
    found = (
        float((then.float() - first.float()).abs().max())
        / max(float(first.float().abs().max()), 1e-12)
        for first, then in zip(tensors_in(before), tensors_in(after), strict=False)
        if first.shape == then.shape and first.numel() and id(then) not in given
    )
    return max(filter(isfinite, found), default=None)
