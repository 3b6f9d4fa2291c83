"""A simulated population that scrolls through the real handlers and through simpler feeds."""
