"""Causes that an experiment names: they are so or not, and nothing is weighed."""

from dataclasses import replace

from gradcheck_cli.causes.base import CauseRule, Evidence, Support, cause
from gradcheck_cli.causes.examined import cured, grade, supporting
from gradcheck_cli.features.domains import of_targets, outside_domain, told
from gradcheck_cli.features.mismatch import beyond_chances, drowned, turned
from gradcheck_cli.records.diagnosis import Basis

SUSPECTED = 0.7  # of what is so, and is a mistake unless its numbers are costs
UNPROVEN = 0.5  # of what is so, and was not shown to matter
UNUSED = "not used by the loss"  # as the finding has it
FACT = 0.98  # of what is so or not, and explains away labels of which nothing can be learned


def named(seen: Evidence, name: str) -> Support | None:
    """Return the support of the experiments that name this cause."""
    found = supporting(seen.trace, name)
    if not found:
        return None
    layers = tuple(dict.fromkeys(path for a in found for path in a.layers))
    return Support(
        grade(found),
        tuple(a.said for a in found),
        layers,
        layers[0] if layers else None,
        seen.trace.built_at(layers),
        Basis.EXPERIMENT,
    )


@cause("flipped-loss", "wrong-direction diverging-loss stalled-loss non-finite")
def flipped_loss(seen: Evidence) -> Support | None:
    """The loss rewards mistakes: a flipped sign, or smoothing or weights that turn it over.

    Speaks for it  outputs made from the targets cost more when they are right than when they are wrong.
                   A policy's choices become rarer when they went better than expected. A loss over triples is learned
                   when positive and negative samples are exchanged, and only then.
    Against it     an optimizer that maximizes: both together cancel out. Costs in place of rewards.
    Sources        Gneiting & Raftery 2007, sec. 2.
    """
    policy = turned(seen.trace)
    if policy is not None:
        return Support(SUSPECTED, (policy[1],), basis=Basis.FACT)
    return named(seen, "flipped-loss")


@cause("loss-without-bound", "wrong-direction diverging-loss stalled-loss mismatched-loss")
def loss_without_bound(seen: Evidence) -> Support | None:
    """The loss falls without end: a logarithm or softmax is missing in it, or a penalty has the wrong sign.

    Speaks for it  outputs that are large for all classes alike cost as little as right ones; when the run goes on
                   a constant prediction costs ever less, too.
    Against it     critics and surrogates, whose loss has no target.
    Sources        Gneiting & Raftery 2007, sec. 2.
    """
    return named(seen, "loss-without-bound")


@cause(
    "output-outside-loss-domain",
    "mismatched-loss stalled-loss non-finite diverging-loss zero-gradient vanishing-gradient dying-relu",
)
def output_outside_loss_domain(seen: Evidence) -> Support | None:
    """The loss expects other outputs than the model gives: probabilities or their logarithms, and it gets scores.

    Speaks for it  at the model's outputs the loss is NaN or Inf or flat, and after a softmax or sigmoid not; a loss
                   of logarithms of probabilities is given numbers above 0.
    Against it     outputs that lie where the loss is defined.
    Sources        Bridle 1990.
    """
    return _by_domain(seen, targets=False) or named(seen, "output-outside-loss-domain")


@cause(
    "target-outside-loss-domain",
    "mismatched-loss stalled-loss non-finite diverging-loss collapsed-features zero-gradient wrong-direction",
)
def target_outside_loss_domain(seen: Evidence) -> Support | None:
    """The loss is given targets that it is not documented for: 1 and 0 for 1 and -1, or numbers beyond 0 to 1.

    Speaks for it  the values of the targets that the loss was given, beside those it takes.
    Against it     labels of both signs, which may be weights.
    Sources        PyTorch documentation of the losses named.
    """
    data = seen.trace.data
    if beyond_chances(seen.trace):
        said = f"{seen.trace.loss.kind} takes targets from 0 to 1 and falls without end beyond; these run from {data.target_low:.3g} to {data.target_high:.3g}"
        return Support(FACT, (said,), basis=Basis.FACT)
    return _by_domain(seen, targets=True)


def _by_domain(seen: Evidence, *, targets: bool) -> Support | None:
    """Return the support of arguments that the loss is not documented for."""
    for habit in outside_domain(seen.trace):
        if of_targets(habit) is targets:
            return Support(FACT, (told(habit),), at=habit.at, basis=Basis.FACT)
    return None


@cause("unused-input", "unused-input stalled-loss collapsed-features disconnected-parameter")
def unused_input(seen: Evidence) -> Support | None:
    """An input never reaches the outputs, or nothing reads what was made of it.

    Speaks for it  the outputs do not change when that input is exchanged between samples; a stalled run never uses what more
                   than a quarter of its weights compute.
    Against it     inputs that are alike for all samples.
    Sources        Breiman 2001, sec. 10.
    """
    left = [f for f in seen.findings if f.name == "disconnected-parameter" and UNUSED in f.message]
    if left and seen.has("disconnected-parameter") and seen.has("stalled-loss"):
        return Support(SUSPECTED, (left[0].message.rstrip("."),), left[0].layers, basis=Basis.FACT)
    return named(seen, "unused-input")


@cause("missing-positions", "ignored-positions stalled-loss learned-by-heart")
def missing_positions(seen: Evidence) -> Support | None:
    """Attention sees a bag of tokens: their positions are not encoded.

    Speaks for it  outputs are the same in every order of the other tokens; of a single output, where nothing
                   is learned that holds for other samples.
    Against it     sets, whose order means nothing.
    Sources        Vaswani et al. 2017, arXiv:1706.03762, sec. 3.5.
    """
    found = named(seen, "missing-positions")
    order = seen.trace.answer("order-counts")
    if found is not None or order is None or "missing-positions" not in order.supports:
        return found
    score = UNPROVEN if cured(seen.trace) else FACT  # a change that cured the run needs no order
    return Support(score, (order.said,), (), basis=Basis.EXPERIMENT)


@cause("target-scale", "stalled-loss held-back diverging-loss exploding-gradient update-too-large")
def target_scale(seen: Evidence) -> Support | None:
    """Targets are of another size than what a network gives at first, or than those of another task.

    Speaks for it  the same run learns when outputs are brought to the targets' mean and spread. Of several tasks, one
                   makes less than a thousandth of the loss and is not learned, or is learned along its own gradient alone.
    Against it     a run that learns no better then.
    Sources        LeCun et al. 1998, Efficient BackProp, sec. 4.5.
    """
    found, said = named(seen, "target-scale"), drowned(seen.trace)
    return Support(FACT, (said,), basis=Basis.FACT) if said and found is None else found


@cause("no-nonlinearity", "stalled-loss held-back vanishing-gradient")
def no_nonlinearity(seen: Evidence) -> Support | None:
    """Nothing nonlinear lies between the layers: together they are worth a single one.

    Speaks for it  the output of a sum of inputs is the sum of the outputs, and with a ReLU between the layers
                   the same run learns.
    Against it     a run that learns no better then, or with another rate.
    Sources        Goodfellow, Bengio & Courville 2016, Deep Learning, sec. 6.1 (XOR).
    """
    cured = named(seen, "no-nonlinearity")
    linear = seen.trace.answer("superposition")
    if linear is None or "no-nonlinearity" not in linear.supports:
        return cured
    if cured is None:  # a fact, of which it was not shown that it matters
        return Support(UNPROVEN, (linear.said,))
    return replace(cured, reasons=(*cured.reasons, linear.said))


def _named_by_one(name: str, explains: str, card: str) -> CauseRule:
    """Return a cause that is so where an experiment names it, and only there."""

    def function(seen: Evidence) -> Support | None:
        return named(seen, name)

    function.__doc__ = card
    return cause(name, explains)(function)


OF_EXPERIMENTS: tuple[CauseRule, ...] = (
    flipped_loss,
    loss_without_bound,
    _named_by_one(
        "gradient-ascent",
        "wrong-direction diverging-loss non-finite stalled-loss update-too-large",
        """The optimizer climbs the loss: `maximize`, a negative learning rate, a sign.

        Speaks for it  the first step goes along the gradient and not against it.
        Against it     a loss that is a reward.
        Sources        Nocedal & Wright 2006, sec. 3.1.""",
    ),
    _named_by_one(
        "softmax-over-batch",
        "mismatched-loss stalled-loss ignored-positions unused-input vanishing-gradient zero-gradient",
        """A softmax runs over the samples of a batch, not over the classes; or over another dimension of attention.

        Speaks for it  a constant added to one class's score of every sample changes nothing; the weights that
                       attention adds values up with do not add up to 1.
        Against it     contrastive losses, in which samples compete by design.
        Sources        Bridle 1990.""",
    ),
    output_outside_loss_domain,
    target_outside_loss_domain,
    _named_by_one(
        "mixed-samples",
        "mixed-samples wrong-direction stalled-loss degenerate-data ignored-positions",
        """A view, reshape, transpose or sum mixes the samples of a batch, or positions, weights or a mask follow their order.

        Speaks for it  another sample in the batch, or another order, changes the outputs of the rest, in evaluation mode;
                       neighbors in sequences that belong together only as they lay before a reshape; targets that meet the outputs of other samples.
        Against it     models that compare samples by design.
        Sources        the chain rule.""",
    ),
    unused_input,
    _named_by_one(
        "representation-collapse",
        "collapsed-features",
        """Views of a sample are pulled together, and nothing keeps different samples apart, as where negatives are pulled as well.

        Speaks for it  the loss has fallen and is as low with views of other samples; outputs became alike.
        Against it     a loss that rises where views are exchanged between samples.
        Sources        Chen & He 2021, arXiv:2011.10566, sec. 4.1.""",
    ),
    _named_by_one(
        "leaking-target",
        "leaking-target",
        """A position sees the token it has to predict.

        Speaks for it  later tokens change the outputs of earlier positions.
        Against it     targets that are not the next tokens.
        Sources        Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2.3.""",
    ),
    missing_positions,
    _named_by_one(
        "inverted-mask",
        "ignored-positions stalled-loss",
        """The padding mask is turned round: the model looks at padding and at nothing else.

        Speaks for it  tokens count in full samples and not in padded ones.
        Against it     padding of which nothing depends.
        Sources        PyTorch documentation of MultiheadAttention, key_padding_mask.""",
    ),
    _named_by_one(
        "padding-in-loss",
        "ignored-positions stalled-loss",
        """The loss is computed from padding as well, which is most of the batch.

        Speaks for it  more than half of the positions at which the loss has a slope are padding.
        Against it     few padded positions, which cost some accuracy of the average and no learning.
        Sources        PyTorch documentation of CrossEntropyLoss, ignore_index.""",
    ),
    _named_by_one(
        "evaluation-statistics",
        "evaluation-differs",
        """The statistics that normalization uses in evaluation are not those of the data.

        Speaks for it  evaluation mode costs much more than training mode, also after 64 more batches.
        Against it     statistics that only lag behind.
        Sources        Ioffe & Szegedy 2015, arXiv:1502.03167, sec. 3.1.""",
    ),
    _named_by_one(
        "dropout-too-strong",
        "stalled-loss held-back",
        """So much is dropped that the noise hides the signal.

        Speaks for it  the same run learns when nothing is dropped.
        Against it     a run that learns no better without.
        Sources        Srivastava et al. 2014, sec. 7.3.""",
    ),
    _named_by_one(
        "penalty-too-strong",
        "stalled-loss held-back",
        """A penalty in the loss pulls harder than the data.

        Speaks for it  the same run learns when only the data term gives the gradient.
        Against it     a run that learns no better without.
        Sources        Krogh & Hertz 1992.""",
    ),
    target_scale,
    _named_by_one(
        "attention-scale",
        "saturated-attention stalled-loss",
        """Scores of attention begin too large: the factor 1 / sqrt(width) is missing.

        Speaks for it  with scores of deviation 1 the same steps learn clearly more.
        Against it     a run that learns no faster then.
        Sources        Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2.1.""",
    ),
    no_nonlinearity,
    _named_by_one(
        "state-not-carried",
        "cut-gradient stalled-loss",
        """A recurrent network begins anew at each position: nothing is remembered.

        Speaks for it  the positions before make no difference to an output.
        Against it     networks that are not recurrent.
        Sources        Elman 1990, doi:10.1207/s15516709cog1402_1.""",
    ),
)
