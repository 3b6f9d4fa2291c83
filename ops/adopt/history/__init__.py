"""What viewers did before the feed came, taken over from tables, files and counts."""
