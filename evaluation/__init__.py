"""Measures how good the feed is and how fast.

`speed` is the benchmark, `soak` a long run under load, `simulation` a made-up population that
watches, and `replay` judges the feed on a log of what people watched. The modules beside them are
what they share: the simulated clock and what runs in simulated time (`clock`, `backends`,
`handler`), statistics (`intervals`, `percentiles`), the progress display (`progress`) and a client
of the local stack (`local_client`).
"""
