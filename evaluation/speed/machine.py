"""On what the figures were taken."""

from __future__ import annotations

import os
import platform
from typing import Any

import psutil

from local.services.pgwheel import VERSION


def machine() -> dict[str, Any]:
    """Processor, memory and versions; nothing that names the machine."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "postgres": VERSION,
        "load_before": round(psutil.getloadavg()[0], 2),
    }
