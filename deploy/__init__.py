"""What goes with a deployment: the stages' parameters, the checks that need no account."""
