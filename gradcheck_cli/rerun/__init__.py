"""The fallback where steps cannot be played: the unchanged script, run again with a change (torch)."""
