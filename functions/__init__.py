"""The three Lambda functions, each deployed alone."""
