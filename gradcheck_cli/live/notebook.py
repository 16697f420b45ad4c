"""In a notebook: a report as a page of its own, and a display that is updated while a loop runs.

The display takes its colors from the page around it, so it is dark where the notebook is dark.
"""

import sys
import time
from collections.abc import Mapping
from html import escape
from importlib import import_module
from math import isfinite, log10
from typing import Any

from gradcheck_cli.errors import UsageError
from gradcheck_cli.live.following import Readings
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.records.report import Report
from gradcheck_cli.renderers.words import VERDICTS, clean, number, plural, shorten

OFTEN = 0.5  # seconds between two updates: a browser needs no more, and a loop should not wait
WIDTH, HEIGHT = 460, 110
MOST_BARS = 120
MOST_LOSSES = 200


def in_notebook() -> bool:
    """Is the code run by a kernel that can show pictures?"""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and getattr(shell, "kernel", None) is not None


def bundle(report: Report) -> dict[str, str]:
    """Return a report for the display of a notebook: the page in a frame, and the headline as text."""
    from gradcheck_cli.renderers.html import render  # Jinja is loaded when a page is wanted

    said = f"{VERDICTS[report.verdict]}: {clean(report.headline)}"
    return {"text/html": framed(render(report)), "text/plain": said}


def _bundled(report: Report, **_: object) -> dict[str, str]:
    return bundle(report)


# Records know no renderer, so how a notebook shows one is added from here.
Report._repr_mimebundle_ = _bundled  # type: ignore[attr-defined]


def framed(page: str) -> str:
    """Return an iframe that holds the whole page, so that neither style reaches the other."""
    return (
        f'<iframe srcdoc="{escape(page)}" title="gradcheck report" '
        'style="width:100%;height:640px;border:1px solid #8888;border-radius:8px"></iframe>'
    )


class Display:
    """A follower that shows loss, gradient over depth and findings, in one place.

    Raises UsageError outside of a notebook.
    """

    def __init__(self) -> None:
        if not in_notebook():
            raise UsageError("show=True needs a notebook: this code is not run by a Jupyter kernel")
        self._losses: list[tuple[int, float]] = []
        self._gradients: Mapping[str, float] = {}
        self._findings: list[str] = []
        self._status = "waiting for the first step"
        self._shown_at = 0.0
        self._handle: Any = None
        self._show()

    def readings(self, said: Readings) -> None:
        """Draw the step, unless the last drawing is younger than half a second."""
        if isfinite(said.loss):
            self._losses = [*self._losses[-MOST_LOSSES:], (said.step, said.loss)]
        self._gradients = said.values.get("gradient", self._gradients)
        self._status = f"step {said.step + 1:,}, loss {number(said.loss)}"
        if time.monotonic() - self._shown_at >= OFTEN:
            self._show()

    def finding(self, said: Finding, step: int) -> None:
        """Add a finding."""
        text = f"{said.code} {said.name}, step {step:,}: {said.message}"
        self._findings.append(shorten(clean(text), 300))
        self._show()

    def stage(self, name: str) -> None:
        """Say what is being done now, after the loop."""
        self._status = clean(name)
        self._show()

    def report(self, said: Report) -> None:
        """Say how it ended."""
        self._status = f"{VERDICTS[said.verdict]}: {clean(said.headline)}"
        serious = [f for f in said.findings if f.severity.value != "note"]
        texts = (f"{f.code} {f.name}: {f.message}" for f in serious)
        self._findings = [shorten(clean(text), 300) for text in texts]
        self._show()

    def _show(self) -> None:
        shell: Any = import_module("IPython.display")
        self._shown_at = time.monotonic()
        if self._handle is None:
            self._handle = shell.display(shell.HTML(self._html()), display_id=True)
        else:
            self._handle.update(shell.HTML(self._html()))

    def _html(self) -> str:
        found = "".join(f"<li>{escape(text)}</li>" for text in self._findings)
        pictures = "".join(
            f'<figure style="margin:0"><figcaption>{caption}</figcaption>{svg}</figure>'
            for caption, svg in (
                ("loss of the observed steps", _curve(self._losses)),
                ("gradient by layer, lowest first, log scale", _bars(self._gradients)),
            )
            if svg
        )
        return (
            '<div class="gradcheck-live" style="border:1px solid #8888;border-radius:8px;'
            'padding:8px 12px;font-size:13px"><div><b>gradcheck</b> '
            f"{escape(self._status)}</div>"
            f'<div style="display:flex;flex-wrap:wrap;gap:8px 24px">{pictures}</div>'
            f"{f'<ul style={chr(34)}margin:6px 0{chr(34)}>{found}</ul>' if found else ''}</div>"
        )


def _svg(said: str, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%" role="img" '
        f'aria-label="{escape(said)}">{body}</svg>'
    )


def _curve(losses: list[tuple[int, float]]) -> str:
    """Return the loss from zero, so that a stalled one looks flat."""
    if len(losses) < 2:
        return ""
    low, high = min(0.0, *(v for _, v in losses)), max(v for _, v in losses)
    first, last = losses[0][0], losses[-1][0]
    points = " ".join(
        f"{(s - first) / max(last - first, 1) * WIDTH:.1f},"
        f"{HEIGHT - 2 - (v - low) / ((high - low) or 1.0) * (HEIGHT - 6):.1f}"
        for s, v in losses
    )
    said = f"loss from {number(losses[0][1])} to {number(losses[-1][1])}"
    line = f'<polyline points="{points}" fill="none" stroke="#2f81d6" stroke-width="2"/>'
    return _svg(said, line)


def _bars(gradients: Mapping[str, float]) -> str:
    """Return a bar per layer; a layer without any gradient has none."""
    rows = list(gradients.items())[:: max(1, -(-len(gradients) // MOST_BARS))]
    powers = [log10(v) for _, v in rows if v > 0]
    if not powers:
        return ""
    low, high = min(*powers, max(powers) - 2), max(powers)
    wide = WIDTH / len(rows)
    body = "".join(
        f'<rect x="{i * wide:.1f}" y="{HEIGHT - tall:.1f}" width="{max(wide - 1, 1):.1f}" '
        f'height="{tall:.1f}" fill="#2f81d6"><title>{escape(clean(path))}: {number(v)}</title></rect>'
        for i, (path, v) in enumerate(rows)
        if v > 0
        for tall in [4 + (log10(v) - low) / (high - low) * (HEIGHT - 8)]
    )
    ends = f"{number(10**low)} to {number(10**high)}"
    return _svg(f"gradients of {plural(len(gradients), 'layer')}, {ends}", body)
