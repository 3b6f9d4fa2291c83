"""Run the suite on every version of Postgres that the feed supports."""
