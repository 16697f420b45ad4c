"""docs/architecture.md draws the floors as the imports of the code are."""

import re
from pathlib import Path

import pytest

from docs import generate
from tests.test_architecture import FLOORS, PACKAGE, TORCH_ALLOWED, imported, room_of

ROOT = Path(__file__).parents[2]
CODE = ROOT / PACKAGE
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def drawn(page: str = PAGE) -> tuple[dict[str, int], set[str]]:
    """Return the floor of each room in the drawing, and the rooms that carry a star."""
    block = re.search(r"```text\nfloors\n(.*?)```", page, re.DOTALL)[1]
    floor, stars = {}, set()
    for line in block.splitlines():
        number, rooms = re.fullmatch(r"\s*(\d+)  (\S+(?: \S+)*)\s{2,}\S.*", line).groups()
        for word in rooms.split():
            floor[word.rstrip("*")] = int(number)
            if word.endswith("*"):
                stars.add(word.rstrip("*"))
    return floor, stars


def climbing(floor: dict[str, int]) -> list[tuple[str, str]]:
    """Return the imports of the code that do not go down in the drawing."""
    return [
        (here, there)
        for here, others in generate.rooms(CODE).items()
        for there in others
        if floor[there] >= floor[here]
    ]


def test_every_room_is_drawn_once_and_nothing_else_is() -> None:
    floor, _ = drawn()
    assert floor.keys() == {room_of(file, CODE) for file in CODE.rglob("*.py")}


def test_every_import_goes_down_in_the_drawing() -> None:
    assert climbing(drawn()[0]) == []


def test_the_drawing_is_the_law_that_is_enforced() -> None:
    assert drawn()[0] == {room: n for n, rooms in enumerate(FLOORS) for room in rooms}


def test_stars_stand_where_torch_may_be_loaded() -> None:
    importing = {
        room_of(file, CODE)
        for file in CODE.rglob("*.py")
        for name in imported(file, CODE)
        if name.partition(".")[0] == "torch"
    }
    stars = drawn()[1]
    assert stars == TORCH_ALLOWED
    assert importing <= stars
    graph = generate.rooms(CODE)
    assert all(graph[room] & importing for room in stars - importing)


def test_a_room_drawn_too_low_would_be_noticed() -> None:
    low = PAGE.replace(" 8  cli integrations ", " 8  integrations ")
    low = low.replace(" 1  records ", " 1  records cli ")
    assert ("cli", "diagnosing") in climbing(drawn(low)[0])


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:tests|docs)/[\w/.]+)`", PAGE))))
def test_files_the_page_names_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_rooms_in_the_table_exist() -> None:
    table = PAGE.partition("## The rooms")[2].partition("## ")[0]
    named = re.findall(r"`([a-z_]+)(?:/|\.py)`", table)
    known = {room_of(file, CODE) for file in CODE.rglob("*.py")}
    first_cells = {
        n
        for row in table.splitlines()
        for n in re.findall(r"`([a-z_]+)(?:/|\.py)`", row.split("|")[1] if "|" in row else "")
    }
    assert first_cells <= known
    assert known - first_cells <= {"__init__", "__main__", "integrations"}
    assert named
