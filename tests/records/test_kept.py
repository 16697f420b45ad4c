"""Files that older versions wrote still load; the published schemas are the current ones.

The files in `kept/` are never written again: a new schema number adds a file.
"""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from gradcheck_cli.cli.schema import File, _schema
from gradcheck_cli.records import baseline
from gradcheck_cli.records.diagnosis import FORMER_NAMES
from gradcheck_cli.records.document import SCHEMA
from gradcheck_cli.records.yamlfile import read
from gradcheck_cli.remedies.cards import CARDS
from gradcheck_cli.settings.drafting import draft
from gradcheck_cli.settings.survey import survey

KEPT = Path(__file__).parent / "kept"
DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("number", range(1, SCHEMA + 1))
def test_a_report_of_every_schema_loads(number: int) -> None:
    report = read(KEPT / f"report-schema-{number}.yaml")
    assert [finding.code for finding in report.findings] == ["GC101", "GC403"]
    assert report.findings[0].evidence[0].measured == pytest.approx(1.6e-6)
    assert report.fixes[0].verification.arms[2].held_out == (0.31, 0.33)
    assert report.history.series["gradient"]["net.0"][0] > 0
    assert "insert-normalization" in {fix.name for fix in report.fixes}  # it was -isation then


def test_every_former_name_of_a_fix_leads_to_one_that_exists() -> None:
    assert set(FORMER_NAMES.values()) <= {card.name for card in CARDS}
    assert not FORMER_NAMES.keys() & {card.name for card in CARDS}


@pytest.mark.parametrize("number", range(1, baseline.SCHEMA + 1))
def test_a_baseline_of_every_version_loads(number: int) -> None:
    assert [a.code for a in baseline.read(KEPT / f"baseline-{number}.yaml")] == ["GC101", "GC403"]


@pytest.mark.parametrize("of", list(File))
def test_the_published_schemas_are_the_current_ones(of: File) -> None:
    published = json.loads((DOCS / f"{of.value}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(published)
    assert published == json.loads(json.dumps(_schema(of))), "make schema"


def test_what_init_writes_fits_the_schema_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("from torch import nn\nclass Net(nn.Module):\n    pass\n")
    document = yaml.safe_load(draft(survey(tmp_path)))
    jsonschema.Draft202012Validator(_schema(File.CONFIG)).validate(document)
