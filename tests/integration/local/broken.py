"""A module that fails on import, as one does whose settings are missing."""

raise RuntimeError("SETTING is missing")
