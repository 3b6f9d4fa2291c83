"""A timed log of what people watched, replayed through the feed's own handlers and judged."""
