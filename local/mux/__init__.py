"""A stand-in for Mux on this machine: its API, its uploads, its webhooks, with real video.

`python -m local.mux` runs it. `MuxState` is its state machine, without HTTP and ffmpeg.
"""
