"""A simulated population that scrolls through the real handlers, beside simpler feeds."""
