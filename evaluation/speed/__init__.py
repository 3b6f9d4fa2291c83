"""The benchmark: data sets, what is measured on them, and what it is held against."""
