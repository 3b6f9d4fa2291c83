"""The state machine of the stand-in and its records."""
