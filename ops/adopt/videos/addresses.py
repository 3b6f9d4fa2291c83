"""The addresses of an application's videos, which anybody may have written.

Mux fetches them, not this program. What is refused here is what no video for the public can lie
behind: other schemes, names of a private network, addresses with a password. Names are not looked
up, since only Mux's own resolver counts.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_LONGEST = 2048
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Names that are kept for private use (RFC 2606, 6761, 6762, 8375, 9476 and ICANN's `internal`).
_PRIVATE = (
    "localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "test",
    "invalid", "onion", "alt", "home.arpa",
)  # fmt: skip


class AddressError(ValueError):
    """An address is none that Mux should be asked to fetch."""


def checked(address: str) -> str:
    """Return the address as Mux is to be given it.

    Raises:
        AddressError: It is not of http or https, or not of a public host.
    """
    if len(address) > _LONGEST:
        raise AddressError(f"it is longer than {_LONGEST:,} characters")
    if re.search(r"[\x00-\x20\x7f-\x9f\\]", address):
        raise AddressError("it holds spaces, control characters or backslashes")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressError("it is no address") from error
    if parts.scheme not in {"http", "https"}:
        raise AddressError("it is not of http or https")
    if parts.username is not None or parts.password is not None:
        raise AddressError("it holds a user name or a password")
    name = _public_host(host or "")
    if port == 0:
        raise AddressError("it has no possible port")
    place = f"[{name}]" if ":" in name else name
    return parts._replace(netloc=place if port is None else f"{place}:{port}", fragment="").geturl()


def _public_host(host: str) -> str:
    if not host:
        raise AddressError("it names no host")
    literal = _ip_address(host)
    if literal is not None:
        if not _is_public(literal):
            raise AddressError("its host is not public")
        return str(literal)
    try:
        name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError as error:
        raise AddressError("its host is no name") from error
    labels = name.split(".")
    if not all(map(_LABEL.fullmatch, labels)):
        raise AddressError("its host is no name")
    # Programs read 2130706433, 0x7f.1 and 127.1 as numbers of addresses.
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        raise AddressError("its host is a number in an unusual form")
    if len(labels) == 1 or any(name == p or name.endswith(f".{p}") for p in _PRIVATE):
        raise AddressError("its host is not public")
    return name


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        # An IPv4 address may be wrapped in one of three ways; a prefix of NAT64 is one of them.
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast
