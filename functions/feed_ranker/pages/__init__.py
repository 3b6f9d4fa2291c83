"""Pages and the cursors between them. Pure."""
