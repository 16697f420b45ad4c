"""The one way a patch stops: a reason that a person can act on."""


class CannotPatchError(Exception):
    """The source cannot be edited safely; `str()` says why, the fix's code is to be pasted."""
