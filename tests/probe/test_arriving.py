"""A script may look torch up, load it late, lazily or elsewhere: it is seen when it has been executed."""

import importlib
import importlib.util
import sys
import threading
from pathlib import Path

import pytest

from gradcheck_cli.probe.arriving import when_imported

NAME = "a_late_module"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / f"{NAME}.py").write_text("import a_helper\nready = True\n")
    (tmp_path / "a_helper.py").touch()
    (tmp_path / "another.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    heard: list[bool] = []
    finders = list(sys.meta_path)
    with when_imported(NAME, lambda: heard.append(sys.modules[NAME].ready)):
        yield heard
    assert sys.meta_path == finders, "nothing of ours stays"
    for name in (NAME, "a_helper", "another"):
        sys.modules.pop(name, None)


def test_lookups_before_the_import_change_nothing(told: list[bool]) -> None:
    for _ in range(3):
        assert importlib.util.find_spec(NAME).name == NAME
    assert told == []
    importlib.import_module(NAME)
    assert told == [True]
    assert "exec_module" not in vars(sys.modules[NAME].__loader__)


def test_a_lazy_module_is_seen_when_it_is_first_used(told: list[bool]) -> None:
    spec = importlib.util.find_spec(NAME)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    import another  # noqa: F401

    assert told == []
    assert module.ready
    assert told == [True]


def test_reloading_other_modules_and_this_one_tells_only_once(told: list[bool]) -> None:
    import another

    importlib.reload(another)
    module = importlib.import_module(NAME)
    importlib.reload(module)
    assert told == [True]


def test_a_finder_that_stands_before_ours_does_not_hide_it(told: list[bool]) -> None:
    class First:
        def find_spec(self, name, path=None, target=None):
            return importlib.machinery.PathFinder.find_spec(name, path) if name == NAME else None

    first = First()
    sys.meta_path.insert(0, first)
    try:
        importlib.import_module(NAME)
        assert told == []
        import another  # noqa: F401
    finally:
        sys.meta_path.remove(first)
    assert told == [True]


def test_an_import_that_fails_may_be_tried_again(told: list[bool], tmp_path: Path) -> None:
    helper = tmp_path / "a_helper.py"
    helper.write_text("raise ImportError")
    with pytest.raises(ImportError):
        importlib.import_module(NAME)
    assert told == []
    helper.write_text("")
    importlib.invalidate_caches()
    Path(importlib.util.cache_from_source(str(helper))).unlink(missing_ok=True)
    importlib.import_module(NAME)
    assert told == [True]


def test_an_import_in_a_thread_is_seen(told: list[bool]) -> None:
    thread = threading.Thread(target=importlib.import_module, args=(NAME,))
    thread.start()
    thread.join()
    assert told == [True]


def test_what_was_imported_before_is_told_at_once() -> None:
    heard: list[int] = []
    with when_imported("json", lambda: heard.append(1)):
        assert heard == [1]


def test_a_module_that_is_forbidden_is_not_taken_for_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, NAME, None)
    heard: list[int] = []
    with when_imported(NAME, lambda: heard.append(1)), pytest.raises(ImportError):
        importlib.import_module(NAME)
    assert heard == []
