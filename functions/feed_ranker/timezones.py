"""The time zones that clients may name, and what is done with other names."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

DEFAULT: Final = "UTC"


def resolve(name: str) -> str:
    """Find the time zone that a client means.

    Phones send what their system calls its zone: `europe/berlin`, or an offset such as
    `GMT+02:00`, which says nothing of daylight saving. A page is worth more than its zone.

    Returns:
        IANA's name, where the given one differs from it in case at most; UTC for any other.
    """
    return _by_lower_case().get(name.lower(), DEFAULT)


@cache
def known() -> frozenset[str]:
    """List IANA's names, as the package tzdata has them: the same on every machine.

    zoneinfo.available_timezones() opens every file of the machine's own, and finds names there
    that are none of IANA's (localtime). Factory is one of IANA's, and no zone.
    """
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(listed.split()) - {"Factory"}


@cache
def _by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in known()}
