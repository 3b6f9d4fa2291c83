"""The programs that operators run. Each needs only the database, not the functions."""
