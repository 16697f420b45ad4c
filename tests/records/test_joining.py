"""One report over several models: nothing is lost, and everything says whose it is."""

from dataclasses import replace

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.joining import joined, over_models
from gradcheck_cli.records.report import History, Verdict
from gradcheck_cli.records.yamlfile import dumps, loads
from tests.support import a_report

SICK, HEALTHY = a_report.sick(), a_report.healthy()


def test_findings_and_layers_say_which_model_they_belong_to() -> None:
    whole = over_models({"a": SICK, "b": SICK}, {})
    assert [f.subject for f in whole.findings].count("a") == len(SICK.findings)
    assert all(path.startswith(f"{f.subject}.") for f in whole.findings for path in f.layers)
    assert len({x.path for x in whole.layers}) == 2 * len(SICK.layers)
    assert len({x.order for x in whole.layers}) == 2 * len(SICK.layers)
    for name, rows in SICK.history.series.items():
        assert len(whole.history.series[name]) == 2 * len(rows)
    assert [f.severity.rank for f in whole.findings] == sorted(
        (f.severity.rank for f in whole.findings), reverse=True
    )
    assert whole.findings[0].severity is Severity.ERROR


def test_the_gravest_verdict_counts_and_the_headline_says_whose_it_is() -> None:
    whole = over_models({"good": HEALTHY, "bad": SICK}, {})
    assert whole.verdict is Verdict.SICK
    assert whole.headline == f"1 of 2 models: sick. bad: {SICK.headline}"
    both = over_models({"x": HEALTHY, "y": HEALTHY}, {})
    assert both.verdict is Verdict.HEALTHY
    assert both.headline.startswith("2 of 2 models: healthy. x: ")


def test_a_model_that_was_not_diagnosed_is_never_fine() -> None:
    whole = over_models({"good": HEALTHY}, {"bad": "it raised"})
    assert whole.verdict is Verdict.UNSURE
    assert whole.headline.startswith("Not diagnosed: bad. 1 of 2 models: healthy.")
    assert (whole.gaps[-1].what, whole.gaps[-1].reason) == ("the model bad", "it raised")


def test_what_all_models_share_is_said_once() -> None:
    a = replace(HEALTHY, assumptions=("batches of 32", "the loss is mse"))
    b = replace(HEALTHY, assumptions=("batches of 32", "the loss is l1"))
    assert over_models({"a": a, "b": b}, {}).assumptions == (
        "batches of 32",
        "a: the loss is mse",
        "b: the loss is l1",
    )


def test_it_can_be_saved_and_read_again() -> None:
    whole = over_models({"a": SICK, "b c": HEALTHY}, {"d": "it raised"})
    assert dumps(loads(dumps(whole))) == dumps(whole)


def test_curves_over_different_steps_are_aligned() -> None:
    short = replace(HEALTHY, history=History(steps=(0, 1), series={"x": {"a": (1.0, 2.0)}}))
    long = replace(HEALTHY, history=History(steps=(0, 2), series={"x": {"b": (3.0, 4.0)}}))
    history = joined([short, long]).history
    assert history.steps == (0, 1, 2)
    assert history.series["x"] == {"a": (1.0, 2.0, None), "b": (3.0, None, 4.0)}


def test_an_interrupted_model_makes_the_whole_partial() -> None:
    stopped = replace(HEALTHY, run=replace(HEALTHY.run, interrupted=True))
    assert over_models({"a": HEALTHY, "b": stopped}, {}).run.interrupted
