"""How fixes write down which layers they mean."""

import pytest

from gradcheck_cli.remedies.wording import listed


@pytest.mark.parametrize(
    "paths",
    [
        ["0"],
        ["net.0", "net.2"],
        [f"net.{i}" for i in range(500)],
        [f"net.{2 * i}" for i in range(40)],
        ["stem", *(f"encoder.{i}.0" for i in range(498)), "head"],
        [f"block.{i}.{name}" for i in range(20) for name in ("in", "out")],
        [f"a.{i}" for i in range(3, 30)] + [f"a.{i}" for i in range(40, 60)],
        [f"{{x}}.{i}" for i in range(20)],
        [f"l{i}.fc1" for i in range(20)],
        [f"a.0{i}" for i in range(10)] * 2,
    ],
)
def test_the_tuple_to_paste_holds_exactly_the_paths(paths: list[str]) -> None:
    assert eval(listed(paths)) == tuple(paths)


def test_a_long_row_of_numbered_layers_is_short_to_read() -> None:
    assert len(listed(["stem", *(f"encoder.{i}.0" for i in range(498)), "head"])) < 80
    assert "range" not in listed([f"net.{i}" for i in range(11)])
