"""The executor: one request for a page, from the cursor to the answer."""
