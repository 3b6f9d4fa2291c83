"""Measures how good the feed is and how fast.

`speed` is the benchmark, `simulation` is a made-up population that watches, and `replay` judges the
feed on a log of what people watched. The modules beside them are what they share: the simulated
clock and what runs in simulated time (`clock`, `backends`, `handler`), statistics (`intervals`,
`percentiles`), and the progress display (`progress`).
"""
