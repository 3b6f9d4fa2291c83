"""Media files: reading, encoding, pictures."""
