"""What a fix would do to the user's source, as plain data; `patching` turns it into a diff."""

from dataclasses import dataclass
from enum import StrEnum

from gradcheck_cli.records.trace import SourceSite


class Act(StrEnum):
    """The kinds of edits that can be made safely at a known place."""

    REPLACE = "replace"  # the call that built a module, of class `old`, by the expression `new`
    FOLLOW = "follow"  # a module built there by itself and `new` behind it; {width} is its output's
    REMOVE = "remove"  # the call that built a module, by nothing (Identity where one must stay)
    CALL = "call"  # a call of the function or method `old` on a line by a call of `new`
    UNWRAP = "unwrap"  # a call of the function or method `old` on a line by what it is called on
    FINISH = "finish"  # the finished model by `new`, in which {model} stands for it
    FRONT = "front"  # a module before the finished model
    ARGUMENT = "argument"  # the argument `name` of the call that built the optimizer
    OPTIMIZER = "optimizer"  # the call that built it, `old`, by one of `name` with the rate `new`
    PARAMETERS = "parameters"  # what the optimizer is given by all parameters of the model
    LIMIT = "limit"  # the limit of clip_grad_norm_
    RESHAPE = "reshape"  # the output in the loss function, to the shape of the target
    RENAME = "rename"  # every `old` in the model's file by `new`
    CLEAR = "clear"  # behind the update on a line, the gradients of its optimizer
    CLEAR_EARLIER = "clear earlier"  # before the backward pass, not before the update on a line
    UNSCALE = "unscale"  # before the clipping on a line
    PER_EPOCH = "per epoch"  # the scheduler made on a line steps behind the loop over batches
    TRAIN = "train"  # mode, where the loop around the update on a line begins a round
    RECOMPUTE = "recompute"  # the checkpoint on a line, without reentrance
    WEIGH = "weigh"  # the part of a sum that `name` says, left or right, by the factor `new`
    DIVIDE = "divide"  # what a backward pass on a line begins from, by `new`
    CONTAIN = "contain"  # what is assigned to the attribute `name` of a class, by `new`(it)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit. `old` is what must stand there, `new` what shall."""

    act: Act
    at: SourceSite | None = None  # None: the place follows from what was named on the command line
    name: str = ""
    old: str = ""
    new: str = ""
    needs: str = ""  # definitions that must stand before the model, with the name `new` uses
    layer: str = ""  # the module (path) whose class is meant
