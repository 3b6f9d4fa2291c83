"""The benchmark, with its data sets, its measurements and its targets."""
