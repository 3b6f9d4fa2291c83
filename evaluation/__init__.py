"""How good the feed is and how fast: the benchmark and the simulated population."""
