"""The one error of the local stack."""


class StackError(Exception):
    """The local stack cannot start or go on; the text says why and what to do about it."""
