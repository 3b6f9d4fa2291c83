"""Cells: viewer servers that get the catalogue by replication, and send back what viewers do."""
