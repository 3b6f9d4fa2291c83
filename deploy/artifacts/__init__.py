"""The deployed zip of each function, which is assembled, measured and run as on Lambda.

`build.mk` calls this package for each function that `sam build` makes.
"""
