from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest

from local.demo.client import Viewer, send_in_chunks
from local.errors import StackError
from tests.unit.local.demo.building import NOW, post_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KIB_256 = 256 * 1024


def client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(base_url="http://127.0.0.1", transport=httpx.MockTransport(answer))


def viewer(answer: Callable[[httpx.Request], httpx.Response]) -> Viewer:
    def with_token(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/dev/token":
            return httpx.Response(200, json={"token": "a-token"})
        return answer(request)

    return Viewer(client(with_token), UUID(int=7))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(2 * KIB_256 + 5))
    return path


class Server:
    """Takes chunks; keeps `lost` bytes of the first one unwritten."""

    def __init__(self, size: int, lost: int = 0) -> None:
        self.size, self.lost, self.received = size, lost, 0
        self.spans: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        span = request.headers["content-range"]
        self.spans.append(span)
        self.received = int(span.partition("-")[2].partition("/")[0]) + 1 - self.lost
        self.lost = 0
        if self.received == self.size:
            return httpx.Response(200)
        return httpx.Response(308, headers={"range": f"bytes=0-{self.received - 1}"})


def test_a_file_is_sent_in_chunks_of_256_kib_and_a_rest(file: Path) -> None:
    server = Server(2 * KIB_256 + 5)
    assert send_in_chunks(client(server), "http://127.0.0.1/upload", file) == 3
    assert server.spans == [
        "bytes 0-262143/524293",
        "bytes 262144-524287/524293",
        "bytes 524288-524292/524293",
    ]


def test_an_upload_goes_on_from_where_the_server_is(file: Path) -> None:
    server = Server(2 * KIB_256 + 5, lost=100_000)
    send_in_chunks(client(server), "http://127.0.0.1/upload", file)
    assert server.spans[1] == "bytes 162144-424287/524293"
    assert server.received == 524_293


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(410, text="gone"),
        httpx.Response(308),
        httpx.Response(308, headers={"range": "bytes=0--1"}),
    ],
)
def test_an_upload_that_does_not_get_on_ends(file: Path, answer: httpx.Response) -> None:
    with pytest.raises(StackError, match="the upload"):
        send_in_chunks(client(lambda _: answer), "http://127.0.0.1/upload", file)


def test_only_impressions_that_were_not_rejected_count_as_acknowledged() -> None:
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        rejected = [{"index": 1, "reason": "post_id: no such post"}]
        return httpx.Response(200, json={"accepted": 1, "duplicates": 0, "rejected": rejected})

    someone = viewer(answer)
    posts = [(post_id(0), "fresh", 0), (post_id(1), "fresh", 1)]
    someone.saw(UUID(int=3), posts, [NOW, NOW])
    assert someone.acknowledged == {post_id(0)}
    assert sent[0]["session_id"] == str(UUID(int=3))
    assert [row["seen_at"] for row in sent[0]["impressions"]] == ["2026-03-01T12:00:00+00:00"] * 2


def test_requests_carry_the_viewer_s_token() -> None:
    carried: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        carried.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    viewer(answer).upload_state(post_id(1))
    assert carried == ["Bearer a-token"]


def test_watching_is_not_reported_where_there_is_no_such_route() -> None:
    assert viewer(lambda _: httpx.Response(404)).watched([]) is None


@pytest.mark.parametrize(
    "answer", [httpx.Response(503, text="gone"), httpx.Response(200, json={"posts": 7})]
)
def test_an_answer_that_is_no_page_is_an_error(answer: httpx.Response) -> None:
    with pytest.raises(StackError, match=r"503: gone|is no page"):
        viewer(lambda _: answer).feed(UUID(int=1), None, 12)
