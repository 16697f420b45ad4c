"""Traces as a file: plain JSON without weights and samples, made and checked by pydantic.

A file is bounded: of a trace that is too large for it, readings of layers are left out evenly, and a
gap says so; losses stay. A name that ends in `.gz` is compressed.
"""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gradcheck_cli.errors import UsageError
from gradcheck_cli.records.recording import Recording
from gradcheck_cli.records.textfile import read_bytes, write_bytes
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.shadowing import ours

SCHEMA = 1
MOST_BYTES = 32 * 1024 * 1024
KEPT = 8  # first observed steps, which are never thinned: they tell of the initialization
GZIP = b"\x1f\x8b"
_adapter: Callable[[], TypeAdapter[tuple[Recording, ...]]] = ours()(  # pydantic imports then
    lambda: TypeAdapter(tuple[Recording, ...])
)


def write_traces(recordings: Sequence[Recording], path: Path) -> None:
    """Write what was observed to `path`; raises UsageError when the system refuses."""
    text = dumped(recordings)
    while len(text) > MOST_BYTES and any(_can_be_thinned(r.trace) for r in recordings):
        recordings = [replace(r, trace=_thinned(r.trace)) for r in recordings]
        text = dumped(recordings)
    write_bytes(path, gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def dumped(recordings: Sequence[Recording]) -> bytes:
    """Return the recordings as JSON; what is as by default is left out, NaN and Infinity are named so."""
    plain = _adapter().dump_python(tuple(recordings), mode="python", exclude_defaults=True)
    whole = {"gradcheck_traces": SCHEMA, "trainings": plain}
    return json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace")


def read_traces(path: Path) -> tuple[Recording, ...]:
    """Return the recordings in a file; raises UsageError, one line, for what is none."""
    try:
        raw = read_bytes(path, MOST_BYTES)
        if raw.startswith(GZIP):
            with gzip.open(io.BytesIO(raw)) as unpacked:
                raw = unpacked.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"can not read {path}: {reason}") from error
    if len(raw) > MOST_BYTES:
        raise UsageError(f"{path}: larger than {MOST_BYTES // 2**20} MiB, so no trace of gradcheck")
    return _loaded(raw, path)


def _loaded(raw: bytes, path: Path) -> tuple[Recording, ...]:
    try:
        whole: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: no trace of gradcheck: it is not JSON ({error})") from error
    schema = whole.get("gradcheck_traces") if isinstance(whole, dict) else None
    if schema is None:
        raise UsageError(f"{path}: no trace of gradcheck; --save-trace FILE writes one")
    if schema != SCHEMA:
        raise UsageError(f"{path}: schema {schema!r}; this gradcheck reads {SCHEMA}")
    try:
        found = _adapter().validate_python(whole.get("trainings"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "trainings"
        raise UsageError(f"{path}: {place}: {first['msg']}") from error
    if not found:
        raise UsageError(f"{path}: holds no training")
    return found


def _can_be_thinned(trace: Trace) -> bool:
    return len(trace.observed) > 2 * KEPT


def _thinned(trace: Trace) -> Trace:
    """Return the trace without the readings of every second step that is neither early nor the last."""
    if not _can_be_thinned(trace):
        return trace
    dropped = {step.index for step in trace.observed[KEPT:-1:2]}
    note = Gap(
        what="some readings of layers", reason="a file of traces is bounded; losses are whole"
    )
    return replace(
        trace,
        steps=tuple(replace(s, readings={}) if s.index in dropped else s for s in trace.steps),
        gaps=trace.gaps if note in trace.gaps else (*trace.gaps, note),
    )
