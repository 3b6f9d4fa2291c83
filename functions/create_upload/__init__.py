"""Uploads: from a request to a place where Mux takes the file, and back out of it."""
