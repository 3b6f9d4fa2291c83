"""A long run at half of the machine's capacity, which shows what drifts, grows or gets lost."""
