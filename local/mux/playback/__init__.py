"""Streams and pictures for players."""
