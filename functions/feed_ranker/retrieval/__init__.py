"""What a viewer may be shown: candidates, the viewer's signals, and the flags in force."""
