"""A stand-in for Mux on this machine: its API, its uploads, its webhooks, with real video.

`python -m local.mux` runs it. `Books` is its state machine alone, without HTTP and ffmpeg.
"""
