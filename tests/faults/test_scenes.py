"""What breaks in a process costs only itself: the report is written, and the exit code says it."""

from pathlib import Path

import pytest

from tests.faults.scenes import SCENES, Scene, played


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_ends_with_its_code_and_its_report(scene: Scene, tmp_path: Path) -> None:
    code, said, report = played(scene, tmp_path)
    assert code in scene.codes, said
    assert (report is not None) is scene.reports
    assert scene.allowed or "Traceback" not in said
