"""The control API of the stand-in."""
