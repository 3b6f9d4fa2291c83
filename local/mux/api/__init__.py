"""Mux's own API."""
