"""Addresses that an application's users wrote, before Mux is asked to fetch them."""

from __future__ import annotations

import pytest

from ops.adopt.videos.addresses import AddressError, checked


@pytest.mark.parametrize(
    ("address", "given"),
    [
        ("https://cdn.example.com/a.mp4", "https://cdn.example.com/a.mp4"),
        (
            "HTTP://CDN.Example.com:8080/a%20b.mp4?x=1#t=3",
            "http://cdn.example.com:8080/a%20b.mp4?x=1",
        ),
        ("https://bücher.example/ü.mp4", "https://xn--bcher-kva.example/ü.mp4"),
        ("https://cdn.example.com./a.mp4", "https://cdn.example.com/a.mp4"),
        ("https://8.8.8.8/a.mp4", "https://8.8.8.8/a.mp4"),
        ("https://[2606:4700::1]/a.mp4", "https://[2606:4700::1]/a.mp4"),
    ],
)
def test_public_addresses_are_taken(address: str, given: str) -> None:
    assert checked(address) == given


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/videos/1.mp4",
        "file:///etc/passwd",
        "ftp://cdn.example.com/a.mp4",
        "javascript:alert(1)",
        "mux://assets/abc",
        "s3://bucket/a.mp4",
        "https://",
        "https:///a.mp4",
        "https://user:secret@cdn.example.com/a.mp4",
        "https://cdn.example.com@10.0.0.1/a.mp4",
        "https://localhost/a.mp4",
        "https://LOCALHOST./a.mp4",
        "https://db.internal/a.mp4",
        "https://printer.local/a.mp4",
        "https://intranet/a.mp4",
        "https://127.0.0.1/a.mp4",
        "https://10.1.2.3/a.mp4",
        "https://172.16.0.1/a.mp4",
        "https://192.168.1.1/a.mp4",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/a.mp4",
        "https://0.0.0.0/a.mp4",
        "https://224.0.0.1/a.mp4",
        "https://2130706433/a.mp4",
        "https://0x7f000001/a.mp4",
        "https://127.1/a.mp4",
        "https://0177.0.0.1/a.mp4",
        "https://１２７.0.0.1/a.mp4",  # noqa: RUF001  # digits that look alike
        "https://[::1]/a.mp4",
        "https://[::ffff:10.0.0.1]/a.mp4",
        "https://[64:ff9b::7f00:1]/a.mp4",
        "https://[2002:7f00:1::]/a.mp4",
        "https://[fd00::1]/a.mp4",
        "https://[fe80::1%25eth0]/a.mp4",
        "https://cdn.example.com\\@10.0.0.1/a.mp4",
        "https://cdn.example.com/a b.mp4",
        "https://cdn.example.com/a.mp4\r\nHost: x",
        "https://cdn.example.com:0/a.mp4",
        "https://cdn.example.com:99999/a.mp4",
        "https://-cdn.example.com/a.mp4",
        "https://cdn..example.com/a.mp4",
        f"https://cdn.example.com/{'a' * 3000}",
    ],
)
def test_what_no_video_for_the_public_lies_behind_is_refused(address: str) -> None:
    with pytest.raises(AddressError):
        checked(address)
