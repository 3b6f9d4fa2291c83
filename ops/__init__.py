"""What operators run: each against the database alone, without the functions."""
