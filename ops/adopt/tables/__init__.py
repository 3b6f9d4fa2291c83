"""The tables of the application and those of the feed, side by side and in step."""
