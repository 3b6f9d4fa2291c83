"""Let the feed move in beside an application that has a `posts` table of its own: `make adopt`."""
