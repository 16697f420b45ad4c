"""Steps of a training that were seen, recorded as small programs and played again (torch)."""

from gradcheck_cli.replay.recorder import Recorder
from gradcheck_cli.replay.recording import Recording

__all__ = ["Recorder", "Recording"]
