"""The source is edited at the exact place, and nowhere else."""

import runpy
import stat
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.diagnosis import Cause
from gradcheck_cli.remedies.base import Case, Proposal
from gradcheck_cli.remedies.catalogue import REMEDIES
from gradcheck_cli.remedies.patching.checks import CannotPatchError
from gradcheck_cli.remedies.patching.patch import Patch, patch
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training

HEAD = """
import torch
from torch import nn
from torch.utils.data import TensorDataset

"""
DATA = """

def train_data():
    return TensorDataset(torch.randn(64, 8), torch.randint(3, (64,)))
"""
Show = Callable[..., Patch]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project as the working folder; what is imported from it is forgotten again."""
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def write(project: Path, body: str, *, newline: str = "\n") -> Path:
    text = HEAD + textwrap.dedent(body).strip("\n") + "\n" + DATA
    file = project / "net.py"
    file.write_bytes(text.replace("\n", newline).encode())
    return file


def built_from(text: str, file: Path) -> torch.nn.Module:
    """The model that a file of this text builds."""
    file.write_text(text)
    made: torch.nn.Module = runpy.run_path(str(file))["model"]()
    return made


def drafted(cause: str, name: str, *, pick: int = 0) -> tuple[Training, Target, Proposal]:
    target = Target.from_strings("net.py", device="cpu")
    training = target.build()
    trace = observe(training, 3)
    case = Case(training, trace, Cause(name=cause, explains=(), score=1.0))
    [remedy] = [r for r in REMEDIES if r.name == name]
    return training, target, list(remedy.propose(case))[pick]


def patched(cause: str, name: str, *, pick: int = 0) -> Patch:
    training, target, proposal = drafted(cause, name, pick=pick)
    layers = proposal.fix.layers
    return patch(proposal.edits, training, target.labels, layers=layers)


def changed(made: Patch) -> list[str]:
    lines = made.diff.splitlines()
    return [x for x in lines if x[:1] in "+-" and not x.startswith(("+++", "---"))]


def after(made: Patch) -> str:
    [file] = made.files
    return file.after.decode()


def test_activations_are_replaced_where_they_are_built(project: Path) -> None:
    write(
        project,
        """
        def build_model():
            return nn.Sequential(nn.Linear(8, 4), nn.Sigmoid(), nn.Linear(4, 4),  nn.Sigmoid(),
                                 nn.Linear(4, 3))  # odd  spacing stays
        """,
    )
    made = patched("saturating-activation", "swap-activation")
    assert changed(made) == [
        "-    return nn.Sequential(nn.Linear(8, 4), nn.Sigmoid(), nn.Linear(4, 4),  nn.Sigmoid(),",
        "+    return nn.Sequential(nn.Linear(8, 4), nn.LeakyReLU(), nn.Linear(4, 4),  nn.LeakyReLU(),",
    ]


def test_torch_is_called_as_the_file_calls_it(project: Path) -> None:
    file = write(
        project,
        """
        def build_model():
            return torch.nn.Sequential(
                torch.nn.Linear(8, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)
            )
        """,
    )
    file.write_text(file.read_text().replace("from torch import nn\n", ""))
    made = patched("saturating-activation", "swap-activation")
    assert "torch.nn.LeakyReLU()" in after(made)


def test_imports_are_added_where_names_are_missing(project: Path) -> None:
    file = write(
        project,
        """
        def build_model():
            return Sequential(Linear(8, 4), Tanh(), Linear(4, 3))
        """,
    )
    text = file.read_text().replace("import torch\n", "from torch import randint, randn\n")
    text = text.replace("from torch import nn\n", "from torch.nn import Linear, Sequential, Tanh\n")
    file.write_text(text.replace("torch.rand", "rand"))
    made = patched("saturating-activation", "swap-activation")
    assert "+from torch import nn" in changed(made)
    assert "+    return Sequential(Linear(8, 4), nn.LeakyReLU(), Linear(4, 3))" in changed(made)


def test_calls_in_a_forward_are_replaced_on_their_line(project: Path) -> None:
    write(
        project,
        """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.act, self.last = nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 3)

            def forward(self, x):
                x = torch.sigmoid(self.first(x)).tanh()
                return self.last(self.act(x))
        """,
    )
    made = patched("saturating-activation", "swap-activation")
    assert "nn.Linear(8, 4), nn.LeakyReLU(), nn.Linear(4, 3)" in after(made)
    expected = "nn.functional.leaky_relu(nn.functional.leaky_relu(self.first(x)))"
    assert f"x = {expected}" in after(made)


def test_a_normalization_follows_in_the_style_of_the_list(project: Path) -> None:
    write(
        project,
        """
        def build_model():
            return nn.Sequential(
                nn.Linear(8, 4),  # narrow
                nn.ReLU(),
                nn.Linear(4, 3),
            )
        """,
    )
    made = patched("depth-without-normalization", "insert-normalization")
    assert changed(made) == ["+        nn.BatchNorm1d(4),"]
    assert "nn.Linear(8, 4),  # narrow\n        nn.BatchNorm1d(4),\n" in after(made)


def test_positions_do_not_shift_where_the_file_counts_on_them(project: Path) -> None:
    write(
        project,
        """
        def build_model():
            return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))

        def make_optimizer(model):
            return torch.optim.SGD([*model[0].parameters(), *model[2].parameters()], lr=0.1)
        """,
    )
    made = patched("depth-without-normalization", "insert-normalization")
    assert "nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4)), nn.ReLU()" in after(made)


def test_one_place_that_builds_many_widths_says_so_and_gets_the_width_it_writes(
    project: Path,
) -> None:
    write(
        project,
        """
        class Model(nn.Module):
            def __init__(self, sizes=(8, 16, 4)):
                super().__init__()
                pairs = zip(sizes, sizes[1:])
                self.hidden = nn.ModuleList([nn.Linear(a, b) for a, b in pairs])
                self.last = nn.Linear(4, 3)

            def forward(self, x):
                for layer in self.hidden:
                    x = torch.relu(layer(x))
                return self.last(x)
        """,
    )
    made = patched("depth-without-normalization", "insert-normalization")
    assert "[nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b)) for a, b in pairs]" in after(made)
    assert made.notes == ("net.py:10 builds 2 modules; the edit changes all of them",)


DRAWN = """
        def block(a, b):
            linear = nn.Linear(a, b)
            nn.init.zeros_(linear.bias){handed}
            nn.init.xavier_normal_(linear.weight)
            return [linear, nn.ReLU()]

        def build_model():
            return nn.Sequential(*block(8, 6), *block(6, 4), nn.Linear(4, 3))
        """


def test_what_is_read_of_a_layer_is_read_before_something_follows_it(project: Path) -> None:
    write(project, DRAWN.format(handed=""))
    made = patched("depth-without-normalization", "insert-normalization")
    assert changed(made) == ["+    linear = nn.Sequential(linear, nn.BatchNorm1d(b))"]
    assert after(made).index("linear.weight") < after(made).index("nn.Sequential(linear")


def test_a_layer_that_is_handed_on_before_it_is_read_has_nothing_behind_it(project: Path) -> None:
    write(project, DRAWN.format(handed="; kept = [linear]"))
    with pytest.raises(CannotPatchError, match="linear is read where it would be another module"):
        patched("depth-without-normalization", "insert-normalization")


LISTED = """
        def build_model():
            layers = []
            for a, b in [(8, 6), (6, 4)]:
                layers.append(nn.Linear(a, b))
                layers.append(nn.Tanh()){read}
            return nn.Sequential(*layers, nn.Linear(4, 3))
        """


@pytest.mark.parametrize(
    ("read", "is_written"),
    [
        ("; nn.init.zeros_(layers[-2].bias)", False),
        (
            "\n            for layer in layers[::2]:\n                nn.init.zeros_(layer.bias)",
            False,
        ),
        (
            "\n            [nn.init.zeros_(m.weight) for m in layers if m not in layers[1::2]]",
            False,
        ),
        (
            "\n            for m in nn.Sequential(*layers).modules(): hasattr(m, 'a') and m.weight",
            True,
        ),
        ("; layers[-1].eval()", True),
        ("", True),
    ],
)
def test_layers_that_are_read_by_their_place_are_not_wrapped(
    project: Path, read: str, is_written: bool
) -> None:
    """What stands at that place afterwards has no weight, or is not drawn by a loop that asks for layers."""
    write(project, LISTED.format(read=read))
    if is_written:
        made = patched("depth-without-normalization", "insert-normalization")
        assert "nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b))" in after(made)
    else:
        with pytest.raises(CannotPatchError, match="reads layers by their place"):
            patched("depth-without-normalization", "insert-normalization")


def test_a_place_that_also_builds_what_must_stay_is_refused(project: Path) -> None:
    write(
        project,
        """
        def layer(a, b):
            return nn.Linear(a, b)

        def build_model():
            return nn.Sequential(layer(8, 4), nn.ReLU(), layer(4, 3))
        """,
    )
    with pytest.raises(CannotPatchError, match=r"net\.py:7 also builds 2, which must stay"):
        patched("depth-without-normalization", "insert-normalization")


def test_a_dynamic_construction_is_refused(project: Path) -> None:
    write(
        project,
        """
        def build_model(act="tanh"):
            kinds = {"tanh": nn.Tanh}
            return nn.Sequential(nn.Linear(8, 4), kinds[act](), nn.Linear(4, 3))
        """,
    )
    with pytest.raises(CannotPatchError, match="builds Tanh through"):
        patched("saturating-activation", "swap-activation")


def test_weights_are_drawn_where_a_function_returns_the_model(project: Path) -> None:
    write(
        project,
        """
        # the network
        def build_model():
            return nn.Sequential(
                nn.Linear(8, 4),
                nn.ReLU(),
                nn.Linear(4, 3),
            )
        """,
    )
    made = patched("init-too-small", "initialize")
    assert "    ).apply(initialize)\n" in after(made)
    assert "\n\n\ndef initialize(layer: nn.Module) -> None:\n" in after(made)
    assert "\n\n\n# the network\ndef build_model():\n" in after(made)
    compile(after(made), "net.py", "exec")


def test_weights_are_drawn_at_the_end_of_the_init_of_a_class(project: Path) -> None:
    write(
        project,
        """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))

            def forward(self, x):
                return self.body(x)
        """,
    )
    made = patched("init-too-small", "initialize")
    assert "nn.Linear(4, 3))\n        self.apply(initialize)\n\n    def forward" in after(made)


def test_weights_are_drawn_where_an_instance_is_assigned(project: Path) -> None:
    write(project, "model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))")
    made = patched("init-too-small", "initialize")
    assert (
        "model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)).apply(initialize)"
        in (after(made))
    )


def test_a_name_that_is_taken_is_not_taken_again(project: Path) -> None:
    write(
        project,
        """
        def initialize():
            return 3

        def build_model():
            return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, initialize()))
        """,
    )
    made = patched("init-too-small", "initialize")
    assert ".apply(initialize_2)" in after(made)
    assert "def initialize_2(layer" in after(made)
    assert "def initialize():\n    return 3\n" in after(made)


def test_the_output_activation_is_removed_with_its_line(project: Path) -> None:
    write(
        project,
        """
        def build_model():
            return nn.Sequential(
                nn.Linear(8, 3),
                nn.Softmax(dim=1),
            )
        """,
    )
    made = patched("double-softmax", "drop-output-activation")
    assert changed(made) == ["-        nn.Softmax(dim=1),"]


def test_an_attribute_keeps_something_to_call(project: Path) -> None:
    write(
        project,
        """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.last = nn.Linear(8, 3)
                self.out = nn.Softmax(dim=1)

            def forward(self, x):
                return self.out(self.last(x))
        """,
    )
    made = patched("double-softmax", "drop-output-activation")
    assert changed(made) == [
        "-        self.out = nn.Softmax(dim=1)",
        "+        self.out = nn.Identity()",
    ]


OPTIMIZED = """
def build_model():
    return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))


def make_optimizer(model):
    return torch.optim.SGD({parameters}, {rest})
"""


@pytest.mark.parametrize(
    ("rest", "line"),
    [
        ("lr=3.0", "    return torch.optim.SGD(model.parameters(), lr=0.3)"),
        (
            "momentum=0.9, lr=3",
            "    return torch.optim.SGD(model.parameters(), momentum=0.9, lr=0.3)",
        ),
    ],
)
def test_the_learning_rate_is_written_where_it_stands(project: Path, rest: str, line: str) -> None:
    write(project, OPTIMIZED.format(parameters="model.parameters()", rest=rest))
    made = patched("learning-rate-too-high", "lower-learning-rate")
    assert changed(made)[1] == f"+{line}"


def test_a_constant_is_changed_where_it_is_defined(project: Path) -> None:
    write(
        project, "RATE = 3.0\n" + OPTIMIZED.format(parameters="model.parameters()", rest="lr=RATE")
    )
    made = patched("learning-rate-too-high", "lower-learning-rate")
    assert changed(made) == ["-RATE = 3.0", "+RATE = 0.3"]


def test_a_rate_that_is_computed_is_refused(project: Path) -> None:
    write(project, OPTIMIZED.format(parameters="model.parameters()", rest="lr=6.0 / 2"))
    with pytest.raises(CannotPatchError, match="not written as a number"):
        patched("learning-rate-too-high", "lower-learning-rate")


def test_the_optimizer_is_given_all_parameters(project: Path) -> None:
    write(project, OPTIMIZED.format(parameters="model[2].parameters()", rest="lr=0.1"))
    made = patched("optimizer-misses-parameters", "optimize-all-parameters")
    assert changed(made)[1] == "+    return torch.optim.SGD(model.parameters(), lr=0.1)"


def test_newlines_encoding_and_mode_survive_and_the_file_is_written_at_once(project: Path) -> None:
    body = OPTIMIZED.format(parameters="model.parameters()", rest="lr=3.0") + "# größer"
    file = write(project, body, newline="\r\n")
    file.chmod(0o640)
    before = file.read_bytes()
    made = patched("learning-rate-too-high", "lower-learning-rate")
    made.write()
    assert file.read_bytes() == before.replace(b"lr=3.0", b"lr=0.3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [x.name for x in project.iterdir() if x.name.startswith(".")] == []


def test_a_file_that_changed_after_it_ran_is_refused(project: Path) -> None:
    file = write(project, OPTIMIZED.format(parameters="model.parameters()", rest="lr=3.0"))
    training, target, proposal = drafted("learning-rate-too-high", "lower-learning-rate")
    file.write_text(file.read_text().replace("Linear(4, 3)", "Linear(4, 5)"))
    with pytest.raises(CannotPatchError, match="changed since it was imported"):
        patch(proposal.edits, training, target.labels)


def test_a_file_that_changes_before_it_is_written_is_refused(project: Path) -> None:
    file = write(project, OPTIMIZED.format(parameters="model.parameters()", rest="lr=3.0"))
    made = patched("learning-rate-too-high", "lower-learning-rate")
    file.write_text("something else")
    with pytest.raises(CannotPatchError, match="changed meanwhile"):
        made.write()
    assert file.read_text() == "something else"


def test_files_outside_the_project_and_in_packages_are_refused(project: Path) -> None:
    write(project, OPTIMIZED.format(parameters="model.parameters()", rest="lr=3.0"))
    training, target, proposal = drafted("learning-rate-too-high", "lower-learning-rate")
    elsewhere = project / "other"
    elsewhere.mkdir()
    with pytest.raises(CannotPatchError, match="outside the project"):
        patch(proposal.edits, training, target.labels, root=elsewhere)


def test_a_function_that_is_handed_on_by_name_is_not_taken_for_a_call(project: Path) -> None:
    write(
        project,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(8, 8)
                self.last = nn.Linear(8, 3)

            def forward(self, x):
                return self.last((lambda f, v: f(v))(torch.Tensor.detach, self.first(x)))

        model = Net
        """,
    )
    training, target, proposal = drafted("detached-graph", "reconnect-graph")
    with pytest.raises(CannotPatchError, match="has 0 calls of detach"):
        patch(proposal.edits, training, target.labels)


def test_scores_are_multiplied_by_wrapping_the_finished_model(project: Path) -> None:
    file = write(
        project,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(8, 16)
                self.last = nn.Linear(16, 3)

            def forward(self, x):
                return self.last(torch.tanh(self.first(x))) / 10_000

        def model():
            return Net()
        """,
    )
    before = file.read_text()
    training, target, proposal = drafted("init-too-small", "scale-scores")
    [change] = patch(proposal.edits, training, target.labels).files
    after = change.after.decode()
    gone = [line for line in before.splitlines() if line not in after.splitlines()]
    assert gone == ["    return Net()"]
    x = torch.randn(64, 8)
    factor = float(proposal.fix.summary.split(" by ")[1].split(";")[0])
    torch.manual_seed(0)
    bare = built_from(before, project / "before.py")(x)
    torch.manual_seed(0)
    assert torch.allclose(built_from(after, project / "after.py")(x), factor * bare)


def test_a_root_is_guarded_where_it_is_called(project: Path) -> None:
    file = write(
        project,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(8, 8)
                self.last = nn.Linear(1, 3)

            def forward(self, x):
                length = self.first(x).square().sum(1, keepdim=True)
                return self.last(length.sqrt())

        model = Net
        """,
    )
    before = file.read_text()
    training, target, proposal = drafted("infinite-slope", "safe-gradient")
    [change] = patch(proposal.edits, training, target.labels).files
    after = change.after.decode()
    assert "self.last(guarded_sqrt(length))" in after
    assert "return torch.sqrt(value.clamp_min(1e-06))" in after
    gone = [line for line in before.splitlines() if line not in after.splitlines()]
    assert gone == ["        return self.last(length.sqrt())"]
    compile(after, "net.py", "exec")


def test_an_attribute_that_cuts_the_graph_is_left_out(project: Path) -> None:
    file = write(
        project,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.data = nn.Linear(8, 8)
                self.last = nn.Linear(8, 3)

            def forward(self, x):
                return self.last(self.data(x).data)

        model = Net
        """,
    )
    before = file.read_text()
    training, target, proposal = drafted("detached-graph", "reconnect-graph")
    [change] = patch(proposal.edits, training, target.labels).files
    assert change.after.decode() == before.replace("self.data(x).data", "self.data(x)")


def test_a_change_without_a_safe_edit_is_refused(project: Path) -> None:
    write(project, OPTIMIZED.format(parameters="model.parameters()", rest="lr=3.0"))
    training, target, _ = drafted("learning-rate-too-high", "lower-learning-rate")
    with pytest.raises(CannotPatchError, match="no edit that could be made safely"):
        patch((), training, target.labels)


def test_dropout_is_lowered_where_it_is_built(project: Path) -> None:
    write(
        project,
        """
        def model():
            return nn.Sequential(nn.Linear(8, 9), nn.Dropout(p=0.9, inplace=True), nn.Linear(9, 3))
        """,
    )
    removed, added = changed(patched("dropout-too-strong", "lower-dropout"))
    assert removed.replace("p=0.9", "0.1").removeprefix("-") == added.removeprefix("+")
