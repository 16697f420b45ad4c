"""The cost page shows what was measured, and where a tool fails, why."""

from typing import Any

import pytest

from docs import costs

MACHINE = {"cores": 2, "threads": 2, "processor": "x86_64", "device": "cpu", "torch": "2.13.0"}
TOOLS = [
    {
        "name": "tool",
        "version": "1.0",
        "reads": ["one_norm"],
        "models": {"A": 1.234, "B": "RuntimeError: a|b"},
    }
]


def test_a_tool_that_fails_stands_in_the_table_and_its_reason_below(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: dict[str, Any] = {"machine": MACHINE, "gradcheck": {"A": 1.1, "B": 1.2}, "tools": TOOLS}
    monkeypatch.setattr(costs, "kept", lambda _: {"peers": found})
    text = costs.beside()
    assert "| tool 1.0 | one\\_norm | 1.23x | fails |" in text
    assert "- tool on B: RuntimeError: a\\|b\n" in text
    assert "| **gradcheck** | outputs, gradients, weights, updates | 1.10x | 1.20x |" in text


def test_growth_is_told_with_its_slope_and_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [{"size": 1000, "bare": 0.002, "added": 0.0004}]
    found = {
        "machine": MACHINE,
        "goal": 1.1,
        "sizes": {"layers": {"points": points, "slope": 0.987}},
    }
    monkeypatch.setattr(costs, "kept", lambda _: found)
    text = costs.growth()
    assert "Measured on 2 cores, threads used: 2 (x86_64, cpu), torch 2.13.0." in text
    assert "| 1,000 layers | 2.0 ms | 0.4 ms |" in text
    assert "0.99 in layers (goal: at most 1.1)" in text
