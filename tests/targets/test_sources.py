import copy
import gc
from pathlib import Path

import pytest
from torch import nn

from gradcheck_cli.targets.sources import SiteBook
from gradcheck_cli.targets.target import Target
from tests.conftest import Write


def test_every_module_knows_the_expression_that_built_it() -> None:
    book = SiteBook()
    with book.recording():
        pair, tail = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid()), nn.Sigmoid()
    text = Path(__file__).read_text().splitlines()
    for module, expression in [
        (pair, "nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())"),
        (pair[0], "nn.Linear(2, 2)"),
        (pair[1], "nn.Sigmoid()"),
        (tail, "nn.Sigmoid()"),
    ]:
        site = book.site_of(module)
        assert site is not None
        line = text[site.line - 1]
        assert line[site.column - 1 : site.end_column - 1] == expression
    first, second = book.site_of(pair[1]), book.site_of(tail)
    assert first is not None
    assert second is not None
    assert first.column < second.column


def test_columns_count_characters_not_bytes() -> None:
    book = SiteBook()
    with book.recording():
        (_, module) = ("äöü€", nn.Sigmoid())
    site = book.site_of(module)
    assert site is not None
    line = Path(__file__).read_text().splitlines()[site.line - 1]
    assert line[site.column - 1 : site.end_column - 1] == "nn.Sigmoid()"


def test_copied_layers_have_the_place_of_their_original() -> None:
    book = SiteBook()
    with book.recording():
        layer = nn.TransformerEncoderLayer(8, 2)
        encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        twin = copy.deepcopy(encoder)
    for module in [encoder.layers[2], twin.layers[2], encoder.layers[2].self_attn]:
        assert book.site_of(module) == book.site_of(layer)


def test_a_subclass_is_built_where_it_is_called_not_in_its_own_init() -> None:
    class Block(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.ReLU())

    book = SiteBook()
    with book.recording():
        block = Block()
    outer, inner = book.site_of(block), book.site_of(block[0])
    assert outer is not None
    assert inner is not None
    assert outer.line > inner.line


def test_nothing_of_ours_stays_patched_even_after_an_exception() -> None:
    before = (nn.Module.__init__, nn.Module.__setstate__)
    with pytest.raises(ZeroDivisionError), SiteBook().recording():
        raise ZeroDivisionError
    assert (nn.Module.__init__, nn.Module.__setstate__) == before


def test_a_build_that_raises_leaves_torch_as_it_was(write: Write) -> None:
    before = (nn.Module.__init__, nn.Module.__setstate__)
    write("demo_bad.py", "from torch import nn\nnn.Linear(1, 1)\n1 / 0\n")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        Target.from_strings("demo_bad.py:model")
    assert (nn.Module.__init__, nn.Module.__setstate__) == before


def test_modules_built_elsewhere_have_no_place() -> None:
    assert SiteBook().site_of(nn.ReLU()) is None


def test_modules_that_are_gone_are_forgotten() -> None:
    book = SiteBook()
    with book.recording():
        modules = [nn.ReLU() for _ in range(100)]
    del modules
    gc.collect()
    assert len(book._places) == 0


def test_a_training_says_where_its_layers_were_built(write: Write) -> None:
    write(
        "demo_site.py",
        "import torch\nfrom torch import nn\n\ndef build_model():\n    return nn.Sequential(\n"
        "        nn.Linear(4, 2),\n    )\n\ndata = (torch.zeros(8, 4), torch.zeros(8).long())\n",
    )
    training = Target.from_strings("demo_site.py").build()
    site = training.site_of(training.model.get_submodule("0"))
    assert str(site) == "demo_site.py:6"
