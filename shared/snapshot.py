"""SnapStart: what containers that start from one snapshot must not have in common.

Lambda takes the snapshot after the function's import and restores it any number of times, hours
later. A connection in it is dead or, worse, shared; a secret may have been rotated; a seed makes
all containers draw the same.
"""

from __future__ import annotations

import importlib
import os
import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

_SNAP_START = "snap-start"


def renew_after_restore(container: _lru_cache_wrapper[Any]) -> None:
    """Build the container anew whenever Lambda restores the function from a snapshot.

    Args:
        container: builds it, and keeps it (`functools.cache`); called at import and, from then
            on, at each restore, where it reads secrets again.
    """
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != _SNAP_START:
        return
    # Lambda's runtime brings this module along; elsewhere there are no snapshots.
    hooks = importlib.import_module("snapshot_restore_py")

    def renew() -> None:
        random.seed()
        container.cache_clear()
        container()

    hooks.register_before_snapshot(forget_secrets)
    hooks.register_after_restore(renew)


def forget_secrets() -> None:
    """Drop the secrets that Powertools keeps, and the connections over which it read them."""
    # Where it was not imported, no secret was read.
    base = sys.modules.get("aws_lambda_powertools.utilities.parameters.base")
    if base is not None:
        for provider in base.DEFAULT_PROVIDERS.values():
            provider.client.close()
        base.clear_caches()
