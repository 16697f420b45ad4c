"""What a fix would do to the user's source, as plain data; `fixing` turns it into a diff."""

from dataclasses import dataclass
from enum import StrEnum

from gradcheck_cli.records.trace import SourceSite


class Act(StrEnum):
    """The kinds of edits that can be made safely at a known place."""

    REPLACE = "replace"  # the call that built a module by another expression
    FOLLOW = "follow"  # the call that built a module, by itself and a second module after it
    REMOVE = "remove"  # the call that built a module, by nothing (Identity where it must stay)
    APPLY = "apply"  # a function to the finished model
    ARGUMENT = "argument"  # one argument of the call that built the optimizer
    UNWRAP = "unwrap"  # a functional call by its argument: round(x), x.detach()
    RENAME = "rename"  # one name by another: bfloat16 by float32, relu by leaky_relu


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit. `old` is what must stand there, `new` what shall; `at` is None for the model."""

    act: Act
    at: SourceSite | None = None
    old: str = ""
    new: str = ""
    needs: str = ""  # a definition that must exist in the file
