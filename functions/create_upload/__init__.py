"""Create, describe and cancel uploads."""
