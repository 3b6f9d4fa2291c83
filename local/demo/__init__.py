"""The main job once, start to finish, on a stack of its own: `python -m local.demo`."""
