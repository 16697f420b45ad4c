"""What to do where nobody says otherwise: command line > environment > one config file > default."""

from gradcheck_cli.settings.effective import Run, Settings, Value, load
from gradcheck_cli.settings.problems import ConfigError

__all__ = ["ConfigError", "Run", "Settings", "Value", "load"]
