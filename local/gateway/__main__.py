"""`python -m local.gateway --config FILE --socket FD`."""

from __future__ import annotations

from local.gateway.app import main

main()
