import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _imports_forgotten() -> Iterator[None]:
    """User modules and paths of one test are unknown to the next."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if "pytest-" in file or name.startswith("demo"):
            del sys.modules[name]
