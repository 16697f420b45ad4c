"""How watching ends: with what was watched, in a forked child, or where an error of ours ended it."""

from typing import Any

from gradcheck_cli.probe.shield import attempt
from gradcheck_cli.records.finding import MEASURING, Crash

Watcher = Any  # an `Everywhere`, which imports this


def finish(watcher: Watcher) -> None:
    """A last step with a loss but without an update counts: it may be the one that failed.

    Of one that ended inside a backward pass or an update (a closure) only the loss can be told.
    """
    watcher.on_step = lambda _: None  # there is nothing left to stop
    watcher.hand.look()
    if watcher.is_by_hand and not (watcher.is_cut or watcher.loop.unloaded.loaded):
        watcher.hand.ends(watcher.seen.backwards)
    for session in watcher.sessions:
        failed = session.backward_seen and watcher.pending and len(watcher.sessions) == 1
        if failed and not watcher.is_cut:
            if not watcher.seen.updates:  # each of them is a step of its own
                session.close_each(watcher.pending[:-1])
                del watcher.pending[:-1]
            session.losses.extend(watcher.pending[-1:] if watcher.updating else watcher.pending)
            session.close(skipped=True, read=not (watcher.updating or watcher.loop.is_passing))
        else:
            session.abandon()


def sleep(watcher: Watcher) -> None:
    """In a forked child (a worker of a DataLoader) nothing is watched."""
    if watcher is not None:
        watcher.asleep = True
        for session in watcher.sessions:
            session.recorder.pause()


def retire(watcher: Watcher) -> None:
    """Where we failed, take away what looks at each call: not at once, as torch runs through hooks then."""
    if watcher.shield.over and not watcher.asleep:
        watcher.asleep = True
        abandoned = (session.abandon for session in watcher.sessions)
        attempt(*abandoned, watcher.calls.disarm, watcher.stance.close)


def failure(watcher: Watcher) -> Crash | None:
    """Return the error of ours that ended the measuring, if one did; steps are counted from 1."""
    if watcher is None or not watcher.shield.over:
        return None
    step = 1 + max((s.steps for s in watcher.sessions), default=0)
    return Crash(f"{MEASURING} at step {step:,}", watcher.shield.error)
