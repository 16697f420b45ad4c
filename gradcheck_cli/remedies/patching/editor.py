"""One file under the knife: collects edits of nodes, then writes the file with nothing else changed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider

from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.layout import Change, apply_to_arguments, with_definitions
from gradcheck_cli.remedies.patching.names import adapted, defined, with_imports

Act = Callable[[cst.CSTNode], cst.CSTNode]


@dataclass(slots=True)
class Editor:
    """A parsed file and what is to become of its nodes."""

    path: Path
    shown: str  # as it is called in messages
    before: bytes
    module: cst.Module
    positions: dict[cst.CSTNode, cst.metadata.CodeRange]
    parents: dict[cst.CSTNode, cst.CSTNode]
    acts: dict[cst.CSTNode, list[Act]] = field(default_factory=dict)
    arguments: dict[cst.CSTNode, dict[int, Change]] = field(default_factory=dict)
    definitions: dict[str, int] = field(default_factory=dict)  # source -> index of a statement
    missing: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, path: Path, shown: str) -> "Editor":
        """Read and parse a file. Raises CannotPatchError."""
        before = path.read_bytes()
        try:
            wrapper = MetadataWrapper(cst.parse_module(before))
        except cst.ParserSyntaxError as error:
            raise CannotPatchError(f"{shown} cannot be parsed: {error}") from error
        positions = wrapper.resolve(PositionProvider)
        parents = wrapper.resolve(ParentNodeProvider)
        return cls(path, shown, before, wrapper.module, dict(positions), dict(parents))

    def act(self, node: cst.CSTNode, act: Act) -> None:
        """Note one more edit of a node; edits of one node follow each other."""
        self.acts.setdefault(node, []).append(act)

    def change_argument(self, call: cst.CSTNode, index: int, change: Change) -> None:
        """Note what happens at one argument (or element) of a call (or list)."""
        if index in self.arguments.setdefault(call, {}):
            raise CannotPatchError(f"two changes meet at one place of {self.shown}")
        self.arguments[call][index] = change

    def expression(self, code: str) -> cst.BaseExpression:
        """Parse new code, with torch called as this file calls it."""
        code, missing = adapted(self.module, code)
        self.missing |= missing
        return cst.parse_expression(code, config=self.module.config_for_parsing)

    def define(self, source: str, before: cst.CSTNode) -> dict[str, str]:
        """Put definitions above the top-level statement that holds `before`.

        Returns how each defined name is written here, because a name may be taken already.
        """
        parsed = cst.parse_module(source)
        taken = defined(self.module)
        renamed = {}
        for statement in parsed.body:
            assert isinstance(statement, cst.FunctionDef | cst.ClassDef)
            name = statement.name.value
            free = name if source in self.definitions else _free(name, taken)
            renamed[name] = free
            source = source.replace(name, free)
        source, missing = adapted(self.module, source)
        self.missing |= missing
        self.definitions.setdefault(source, self._index(before))
        return renamed

    def _index(self, node: cst.CSTNode) -> int:
        top = node
        while (parent := self.parents[top]) is not self.module:
            top = parent
        return next(i for i, statement in enumerate(self.module.body) if statement is top)

    def after(self) -> bytes:
        """Return the file with all edits made. Raises CannotPatchError if that is no Python."""
        made = self.module.visit(_Apply(self))
        assert isinstance(made, cst.Module)
        made = with_definitions(made, self.definitions)
        made = with_imports(made, self.missing)
        written = made.bytes
        bom = b"\xef\xbb\xbf"
        if self.before.startswith(bom) and not written.startswith(bom):
            written = bom + written
        try:
            compile(written, self.shown, "exec")
        except SyntaxError as error:
            raise CannotPatchError(f"the edit of {self.shown} gives no Python: {error}") from error
        return written


class _Apply(cst.CSTTransformer):
    def __init__(self, editor: Editor) -> None:
        super().__init__()
        self.editor = editor

    def on_leave(
        self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
    ) -> cst.CSTNodeT | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNodeT]:
        node: cst.CSTNode = updated_node
        if original_node in self.editor.arguments:
            node = apply_to_arguments(node, self.editor.arguments[original_node])
        for act in self.editor.acts.get(original_node, ()):
            node = act(node)
        return node  # type: ignore[return-value]


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
