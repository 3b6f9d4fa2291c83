"""What goes out, and whether it is right.

The stages' parameters, the checks of a deployment, the functions' zips, the API's document.
"""
