"""What experiments found, as findings: each of these rules reports the answers of one or two of them."""

from collections.abc import Iterator

from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import eased, hits
from gradcheck_cli.rules.base import Hit, Severity, rule


@rule("GC610", "cut-gradient")
def cut_gradient(trace: Trace) -> Iterator[Hit]:
    """The loss depends on weights, or on a past, that no gradient reaches.

    Measures  the change of the loss when weights whose gradient is exactly zero are shifted by a half; of
              recurrent networks, the change of outputs when earlier positions are exchanged, and from how
              many positions a gradient comes back.
    Reports   a change above 0.001 %; earlier positions that make no difference; a gradient from the last
              position alone.
    Matters   what was computed under no_grad, or cut off by detach, is never improved; nor is a memory.
    Severity  error; warning for a memory while the loss falls.
    Not for   weights on which the loss does not depend, and those that no optimizer holds.
    Sources   Nocedal & Wright 2006, sec. 8.1 (finite differences); Williams & Peng 1990.
    """
    milder = {"through-time"} if progress(trace).fine else ()
    yield from hits(trace, "cut-gradient", "through-time", milder=milder)


@rule("GC409", "evaluation-differs")
def evaluation_differs(trace: Trace) -> Iterator[Hit]:
    """Evaluation mode uses other statistics than the data has.

    Measures  the loss of the same batches in training and in evaluation mode, without dropout, after running
              statistics had 64 batches to settle; how many values of a channel batch norms see.
    Reports   evaluation that stays 1.5 times as costly and no better than a constant prediction; with a momentum of
              0 or near 1, evaluation that loses 12 % of what can be gained to the mean statistics; two values.
    Matters   the model learns and is useless as soon as it is evaluated.
    Severity  error.
    Not for   statistics that lag behind for a few steps.
    Sources   Ioffe & Szegedy 2015, arXiv:1502.03167, sec. 3.1.
    """
    yield from hits(trace, "modes-agree", "values-normalized")


@rule("GC609", "ignored-positions")
def ignored_positions(trace: Trace) -> Iterator[Hit]:
    """The order of tokens, or tokens beside padding, do not count; or padding counts in the loss.

    Measures  the change of outputs when positions are reordered; the share of tokens that change an output,
              in padded and in full samples; sums of the weights of attention.
    Reports   outputs of positions that look at each other but are the same in every order; padded samples in
              which fewer than 10 % of the tokens count, where in full ones they do; weights that do not add up to 1; a
              loss more than half of whose positions are padding.
    Matters   attention without positions sees a bag of tokens; a mask turned round looks at the padding; a loss
              that is computed from padding falls by what is no task.
    Severity  error for the mask; for the order, the sums and the loss warning.
    Not for   one output for a whole bag of tokens.
    Sources   Vaswani et al. 2017, arXiv:1706.03762, sec. 3.5.
    """
    milder = ("padding-learned", "order-counts", "weights-add-up")
    yield from hits(trace, "padding-counts", *milder, milder=milder)


@rule("GC608", "leaking-target")
def leaking_target(trace: Trace) -> Iterator[Hit]:
    """A position sees the token that it has to predict.

    Measures  the change of earlier outputs when later tokens are exchanged, where the target of a position is
              the next token; columns of the inputs, and tokens at their own place, against the targets.
    Reports   a change above 0.01 % of the spread of outputs; a column or token that is the target; a column that is
              the target but for offset and scale, or in a fifth of the samples or more, counting targets that
              occur once.
    Matters   the loss falls to nothing and the model can not generate.
    Severity  error; warning for a column that is the target in part or in another unit.
    Not for   models whose targets are not the next tokens.
    Sources   Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2.3.
    """
    names = ("sees-target", "target-in-inputs", "target-in-part", "own-entry")
    yield from hits(trace, *names, milder={"target-in-part"})


@rule("GC411", "learned-by-heart")
def learned_by_heart(trace: Trace) -> Iterator[Hit]:
    """What is learned of the training samples holds for no others.

    Measures  the loss of samples that are left out of a second training, against a constant prediction.
    Reports   a training in which it is never below that, while the loss of the training samples falls.
    Matters   labels that do not belong to their inputs look like this, and so does data of which nothing
              can be known; the falling loss hides it.
    Severity  warning.
    Not for   data in which each sample was seen once: there the loss is that of new samples; more of the samples
              that are left out put into their class than chance does.
    Sources   Zhang et al. 2017, arXiv:1611.03530.
    """
    yield from hits(trace, "unseen-data", severity=Severity.WARNING)


@rule("GC606", "mixed-samples")
def mixed_samples(trace: Trace) -> Iterator[Hit]:
    """A sample's output depends on the other samples of its batch, or on its place among them.

    Measures  the change of others' outputs when one sample is exchanged, of all in another order, in evaluation mode; which outputs its targets meet.
    Reports   a change above 0.1 % of the spread of outputs; targets that mostly meet outputs of other samples.
    Matters   a view, reshape or transpose in the wrong place learns from the wrong samples, and the output
              changes with who else is in the batch; the place of a sample in it means nothing.
    Severity  error; warning while the loss falls all the same.
    Not for   models that compare samples by design (one output for each pair), batch normalization.
    Sources   the chain rule.
    """
    yield from hits(trace, "samples-in-model", "own-targets", severity=eased(trace))


@rule("GC607", "unused-input")
def unused_input(trace: Trace) -> Iterator[Hit]:
    """The model does not use one of its inputs.

    Measures  the change of outputs when an input is exchanged between samples, each argument by itself; of sequences
              that a recurrent network reads, all positions behind the first.
    Reports   no change at all.
    Matters   what is not looked at can not be learned from.
    Severity  error while the loss does not fall; else warning.
    Not for   inputs that are alike for all samples of a batch.
    Sources   permutation importance, Breiman 2001, sec. 10.
    """
    yield from hits(trace, "inputs-used", "positions-used", severity=eased(trace))
