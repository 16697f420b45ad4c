"""What breaks in a process costs only itself: the report is written, and the exit code says it."""

from pathlib import Path

import pytest

from tests.faults.scenes import SCENES, Scene, played

pytestmark = pytest.mark.heavy  # each test starts processes

# Those that a test of this folder shows by itself are left to `make faults` and to the heavy tests.
ELSEWHERE = pytest.mark.heavy


@pytest.mark.slow
@pytest.mark.parametrize(
    "scene",
    [pytest.param(s, marks=ELSEWHERE if s.shown_elsewhere else (), id=s.name) for s in SCENES],
)
def test_a_scene_ends_with_its_code_and_its_report(scene: Scene, tmp_path: Path) -> None:
    code, said, report = played(scene, tmp_path)
    assert code in scene.codes, said
    assert (report is not None) is scene.reports
    assert scene.allowed or "Traceback" not in said
