"""From the edits of a fix to a patch that can be shown or written."""

import difflib
import os
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import libcst as cst

from gradcheck_cli.here import below_here
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.patching import finishing, looping, making, optimizing
from gradcheck_cli.remedies.patching.checks import (
    CannotPatchError,
    current_project,
    refuse_changed,
    refuse_foreign,
)
from gradcheck_cli.remedies.patching.editor import Editor
from gradcheck_cli.remedies.patching.locating import (
    call_within,
    definition,
    function_around,
    name_of,
)
from gradcheck_cli.targets.training import Training

BUILDING = {Act.REPLACE, Act.FOLLOW, Act.REMOVE}


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after."""

    path: Path
    shown: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Patch:
    """What would be changed; `notes` say what a person should know before agreeing."""

    files: tuple[FileChange, ...]
    notes: tuple[str, ...] = ()

    @property
    def diff(self) -> str:
        """The unified diff, with plain newlines."""
        return "".join(_diff(file) for file in self.files)

    def write(self) -> None:
        """Replace the files atomically. Raises CannotPatchError if one has changed meanwhile."""
        for file in self.files:
            if file.path.read_bytes() != file.before:
                raise CannotPatchError(f"{file.shown} has been changed meanwhile")
        for file in self.files:
            _replace(file.path.resolve(), file.after)


def _diff(file: FileChange) -> str:
    before, after = (text.decode("utf-8", "replace") for text in (file.before, file.after))
    lines = difflib.unified_diff(
        before.replace("\r\n", "\n").splitlines(keepends=True),
        after.replace("\r\n", "\n").splitlines(keepends=True),
        f"a/{file.shown}",
        f"b/{file.shown}",
    )
    marked = (x if x.endswith("\n") else f"{x}\n\\ No newline at end of file\n" for x in lines)
    return "".join(marked)


def _replace(path: Path, content: bytes) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


@dataclass(slots=True)
class Patcher:
    """Makes one patch: knows what was named on the command line and the model that was built."""

    training: Training
    labels: Mapping[str, str]  # model, optimizer, loss as file.py:name or module:name
    root: Path
    editors: dict[Path, Editor]

    def editor(self, file: str) -> Editor:
        """Open a file once, if it may be edited. Raises CannotPatchError."""
        path = Path(file).absolute()
        if path not in self.editors:
            if not path.is_file():
                raise CannotPatchError(f"{file} is not a file")
            refuse_foreign(path, self.root)
            refuse_changed(path)
            self.editors[path] = Editor.open(path, below_here(path))
        return self.editors[path]

    def placed(self, role: str) -> tuple[Editor, cst.CSTNode]:
        """Return the file and what makes the model, the optimizer or the loss there.

        It is what was named; in a script the call that built the model, and the only optimizer.
        """
        where, _, path = self.labels.get(role, "").partition(":")
        script, site = self.labels.get("script", ""), self.training.site_of(self.training.model)
        if script and role == "model" and site is not None:
            editor = self.editor(site.file)
            return editor, call_within(editor, site)
        if script and role == "optimizer" and (call := self._only_optimizer(script)) is not None:
            return self.editor(script), call
        if not path or not where:
            raise CannotPatchError(f"gradcheck does not know which lines make the {role}")
        if not where.endswith(".py"):
            module = making.module_file(where)
            if module is None:
                raise CannotPatchError(f"the source of {where} is not known")
            where = module
        editor = self.editor(where)
        return editor, definition(editor, path)

    def _only_optimizer(self, script: str) -> cst.Call | None:
        editor = self.editor(script)
        try:
            return optimizing.only_optimizer(editor, editor.module)
        except CannotPatchError:
            return None

    def make(self, edit: Edit) -> None:
        """Note one edit in the file it belongs to. Raises CannotPatchError."""
        if (act := {**making.AT_SITE, **looping.ACTS}.get(edit.act)) is not None:
            if edit.at is None:
                raise CannotPatchError("the place in the source is not known")
            act(self.editor(edit.at.file), edit)
        elif edit.act is Act.FINISH:
            finishing.finish(*self.placed("model"), edit)
        elif edit.act is Act.FRONT:
            finishing.front(*self.placed("model"), edit)
        elif edit.act is Act.RENAME:
            making.rename(self.placed("model")[0], edit)
        elif edit.act is Act.CONTAIN:
            owner = self.training.model.get_submodule(edit.layer)
            making.contain(self.editor(making.file_of(owner)), edit, owner)
        elif edit.act is Act.RESHAPE:
            if self.labels.get("loss"):
                finishing.reshape(*self.placed("loss"))
            elif edit.at is not None:
                finishing.reshape_call(self.editor(edit.at.file), edit.at)
            else:
                raise CannotPatchError("gradcheck does not know which lines make the loss")
        elif edit.act is Act.ARGUMENT:
            optimizing.argument(*self.placed("optimizer"), edit)
        elif edit.act is Act.OPTIMIZER:
            optimizing.exchange(*self.placed("optimizer"), edit)
        elif edit.act is Act.PARAMETERS:
            editor, place = self.placed("optimizer")
            model = self.labels.get("model", "").partition(":")[2]
            # a name of the script may not be given yet where a function runs
            if isinstance(place, cst.Call) and not (
                model and function_around(editor, place) is None
            ):
                model = name_of(*self.placed("model"), seen_from=place)
            optimizing.parameters(editor, place, model)
        else:
            optimizing.limit(self.placed("optimizer")[0], edit)


def patch(
    edits: Sequence[Edit],
    training: Training,
    labels: Mapping[str, str],
    *,
    layers: Sequence[str] = (),
    root: Path | None = None,
) -> Patch:
    """Return the patch that makes these edits. Raises CannotPatchError with the reason why not."""
    if not edits:
        raise CannotPatchError("this change has no edit that could be made safely")
    patcher = Patcher(training, labels, (root or current_project()).resolve(), {})
    notes = _notes(edits, training, layers)
    for edit in edits:
        patcher.make(edit)
    files = [
        FileChange(editor.path, editor.shown, editor.before, editor.after())
        for editor in patcher.editors.values()
    ]
    changed = tuple(f for f in files if f.before != f.after)
    if not changed:
        raise CannotPatchError("these lines say so already; what they do depends on their order")
    return Patch(changed, notes)


def _notes(edits: Sequence[Edit], training: Training, layers: Sequence[str]) -> tuple[str, ...]:
    """Say where one place builds many modules. Raises CannotPatchError where some are to stay."""
    built: dict[SourceSite, list[str]] = {}
    for path, module in training.model.named_modules(remove_duplicate=False):
        site = training.site_of(module)
        if site is not None:
            built.setdefault(site, []).append(path)
    notes = []
    for site in dict.fromkeys(e.at for e in edits if e.at is not None and e.act in BUILDING):
        paths = built.get(site, [])
        others = sorted(set(paths) - set(layers))
        if layers and others:
            raise CannotPatchError(
                f"{site} also builds {', '.join(others)}, which must stay as they are"
            )
        if len(paths) > 1:
            notes.append(f"{site} builds {len(paths)} modules; the edit changes all of them")
    return tuple(notes)
