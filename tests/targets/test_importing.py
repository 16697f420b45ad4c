import sys

import pytest
from torch import nn

from gradcheck_cli.errors import UsageError, UserCodeError
from gradcheck_cli.targets.naming import bound, load
from tests.conftest import Write

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.layer = nn.Linear(width, 2)

    def forward(self, x):
        return self.layer(x)

class holder:
    class inner:
        Net = Net
"""


def test_a_file_and_a_name(write: Write) -> None:
    write("demo_net.py", NET)
    assert load("demo_net.py:Net", "model").value.__name__ == "Net"


def test_a_dotted_module_and_a_dotted_attribute(write: Write) -> None:
    write("demo_pkg/__init__.py", "")
    write("demo_pkg/nets.py", NET)
    assert load("demo_pkg.nets:holder.inner.Net", "model").value.__name__ == "Net"


def test_a_call_with_literal_arguments(write: Write) -> None:
    write("demo_net.py", NET)
    assert bound(load("demo_net.py:Net(width=7)", "model"))().layer.in_features == 7


def test_a_bare_file_is_searched_for_its_only_model_class(write: Write) -> None:
    write("demo_net.py", NET)
    assert load("demo_net.py", "model").label == "demo_net.py:Net"


def test_a_builder_goes_before_an_instance_and_a_class(write: Write) -> None:
    write("demo_net.py", NET + "\nmodel = Net()\ndef build_model():\n    return Net()\n")
    assert load("demo_net.py", "model").label == "demo_net.py:build_model"


def test_several_models_without_a_usual_name_ask_which(write: Write) -> None:
    other = "\nclass Other(nn.Module):\n    pass\n"
    write("demo_net.py", NET.replace("Net", "First") + other)
    with pytest.raises(UsageError, match=r"2 models; .* demo_net.py:First, demo_net.py:Other"):
        load("demo_net.py", "model")


def test_a_part_of_another_model_is_not_asked_about(write: Write) -> None:
    whole = "\nclass Whole(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    whole += "        self.blocks = nn.ModuleList([Block() for _ in range(2)])\n"
    write("demo_net.py", NET.replace("Net", "Block") + whole)
    assert load("demo_net.py", "model").label == "demo_net.py:Whole"


def test_a_variant_goes_before_what_it_is_built_on(write: Write) -> None:
    write("demo_net.py", NET.replace("Net", "First") + "\nclass Second(First):\n    pass\n")
    assert load("demo_net.py", "model").label == "demo_net.py:Second"


def test_relative_imports_work_in_a_file_inside_a_package(write: Write) -> None:
    write("demo_app/__init__.py", "")
    write("demo_app/nets/__init__.py", "")
    write("demo_app/nets/parts.py", NET)
    write("demo_app/nets/whole.py", "from .parts import Net\nfrom .. import nets\nmodel = Net()\n")
    found = load("demo_app/nets/whole.py", "model")
    assert isinstance(found.value, nn.Module)
    assert found.module.__name__ == "demo_app.nets.whole"


def test_a_file_imports_its_neighbors_as_a_script_would(write: Write) -> None:
    write("deep/demo_neighbor.py", "WIDTH = 3")
    write("deep/demo_net.py", "from demo_neighbor import WIDTH\n" + NET)
    assert load("deep/demo_net.py:WIDTH", "data").value == 3


def test_two_files_of_one_name_are_two_modules(write: Write) -> None:
    write("a/demo_same.py", "x = 1")
    write("b/demo_same.py", "x = 2")
    assert load("a/demo_same.py:x", "data").value == 1
    assert load("b/demo_same.py:x", "data").value == 2


def test_a_file_named_like_a_standard_module_does_not_replace_it(write: Write) -> None:
    write("random.py", "x = 1")
    assert load("random.py:x", "data").value == 1
    assert not hasattr(sys.modules["random"], "x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("demo_nett.py:Net", r"no such file: demo_nett.py; did you mean demo_net.py\?"),
        ("nowhere/net.py:Net", "there is no folder nowhere"),
        ("demo_net.py:Nett", r"has no 'Nett'; did you mean 'Net'\?"),
        ("demo_net.py:zzz", "has no 'zzz'; it has"),
        ("demo_net.py:Net(width=open('x'))", "is not a literal"),
        ("demo_net.py:Net(*a)", "is not a literal"),
        ("demo_net.py:Net(**a)", "not allowed in a call"),
        ("demo_net.py:Net(", "cannot be read"),
        ("demo_net.py:1 + 1", "neither a name nor a call"),
        ("demo_net:Net()", None),
        ("demo_ne:Net", "no module named 'demo_ne'"),
        ("demo_net.Net", r"did you mean demo_net:Net\?"),
        (":Net", "names no file or module"),
        ("deep", "folder"),
        ("deep/x.txt", "deep/x.txt is no Python file"),
        ("my-notes.ipynb", "is a notebook: make a script of it with `jupyter nbconvert"),
    ],
)
def test_what_does_not_exist_is_said_in_one_line(write: Write, text: str, says: str | None) -> None:
    write("demo_net.py", NET)
    write("deep/x.txt", "")
    write("my-notes.ipynb", "{}")
    if says is None:
        load(text, "model")
        return
    with pytest.raises(UsageError, match=says) as caught:
        load(text, "model")
    assert "\n" not in str(caught.value)


def test_wrong_arguments_show_the_signature(write: Write) -> None:
    write("demo_net.py", NET)
    with pytest.raises(
        UsageError, match=r"Net\(width: int = 4\): got an unexpected keyword"
    ) as caught:
        bound(load("demo_net.py:Net(widht=7)", "model"))
    assert "\n" not in str(caught.value)


def test_an_exception_in_the_file_keeps_its_traceback(write: Write) -> None:
    write("demo_bad.py", "def f():\n    return 1 / 0\nf()\n")
    with pytest.raises(UserCodeError, match=r"importing demo_bad\.py: ZeroDivisionError") as caught:
        load("demo_bad.py:x", "model")
    frames = []
    traceback = caught.value.cause.__traceback__
    while traceback:
        frames.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    assert frames[-1].endswith("demo_bad.py")
    assert "demo_bad" not in sys.modules


def test_a_missing_package_of_theirs_is_named(write: Write) -> None:
    write("demo_bad.py", "import surely_not_installed\n")
    with pytest.raises(UserCodeError) as caught:
        load("demo_bad.py:x", "model")
    assert "'surely_not_installed'" in caught.value.hint


def test_a_file_that_exits_on_import_is_told_about_the_guard(write: Write) -> None:
    write("demo_bad.py", "import sys\nsys.exit(3)\n")
    with pytest.raises(UserCodeError) as caught:
        load("demo_bad.py:x", "model")
    assert "__main__" in caught.value.hint


def test_a_syntax_error_is_theirs(write: Write) -> None:
    write("demo_bad.py", "def f(:\n")
    with pytest.raises(UserCodeError, match="SyntaxError"):
        load("demo_bad.py:x", "model")
