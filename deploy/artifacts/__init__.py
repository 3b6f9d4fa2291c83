"""What is deployed: each function's zip, assembled, measured and run as Lambda runs it.

`build.mk` calls this package for each function that `sam build` makes.
"""
