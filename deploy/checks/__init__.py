"""Checks of a deployment that need no AWS account."""
