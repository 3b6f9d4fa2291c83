"""Webhooks: events, their delivery, and faults on the way."""
