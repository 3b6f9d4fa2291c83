"""A long run at half of what the machine does: does anything drift, grow or get lost?"""
