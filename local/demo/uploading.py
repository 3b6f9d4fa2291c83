"""Three videos from a phone to the feed: one as it is, one trimmed, one that is none."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import UUID

from local.demo import checks_pages as checks
from local.demo.client import Viewer, expect, send_in_chunks
from local.demo.promises import Finding, Promise
from local.demo.videos import make_broken, make_video, seconds_played

if TYPE_CHECKING:
    from pathlib import Path

    from local.demo.answers import Post
    from local.demo.context import Context

CAP_S = 180
FINAL = {"ready", "failed", "cancelled", "expired"}
_DEADLINE_S = 90.0
_PAUSE_S = 0.5  # Mux takes 5 requests a second, ours among them
_SWEEP_EVERY_S = 5.0
_SCHEDULE = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}


@dataclass
class Upload:
    """A video on its way.

    Attributes:
        name: How the demo calls it.
        path: Its file.
        seconds: Its length as the phone says.
        last: The state in which it is to end.
        clips: How many clips Mux is to keep of it.
        own: How many uploaded assets Mux is to keep of it.
        post_id: Its post, once it is announced.
        states: The states it went through.
        answer: The last answer about it.
    """

    name: str
    path: Path
    seconds: int
    last: str
    clips: int
    own: int
    post_id: UUID = field(default=UUID(int=0))
    states: list[str] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def expected_s(self) -> int:
        """How long it plays in the feed, in seconds."""
        return min(self.seconds, CAP_S)


def upload_three(context: Context) -> list[Upload]:
    """Make, upload and follow three videos; return those that are to be in the feed.

    Raises:
        StackError: An answer was not the one that the scenario needs.
    """
    context.display.say("making a video of 20 s, one of 200 s and a broken one")
    folder = context.folder
    uploads = [
        Upload("a 20-s video", make_video(folder / "short.mp4", 20), 20, "ready", clips=0, own=1),
        Upload("a 200-s video", make_video(folder / "long.mp4", 200), 200, "ready", clips=1, own=0),
        Upload("a broken file", make_broken(folder / "broken.mp4"), 30, "failed", clips=0, own=0),
    ]
    uploader, stranger = Viewer(context.http), Viewer(context.http)
    for upload in uploads:
        _send(context, uploader, upload)
    hidden = stranger.request("GET", f"/v1/uploads/{uploads[0].post_id}")
    context.tally.add(
        [
            Finding(
                Promise.UPLOADS,
                "another viewer's upload is not told of",
                hidden.status_code == HTTPStatus.NOT_FOUND,
                f"{hidden.status_code}",
            )
        ]
    )
    _follow(context, uploader, uploads)
    for upload in uploads:
        context.tally.add([checks.upload_states(upload.states, upload.last)])
    context.tally.add([checks.failed_with_reason(uploads[-1].answer)])
    _check_assets(context, uploads)
    return [upload for upload in uploads if upload.last == "ready"]


def check_in_feed(context: Context, upload: Upload, post: Post | None) -> None:
    """Check an upload as another viewer is shown it: length, stream and thumbnail."""
    length = post.duration_ms if post else None
    context.tally.add([checks.published(upload.name, length, upload.expected_s, CAP_S * 1000)])
    if post is None:
        return
    played = seconds_played(post.hls_url)
    picture = context.http.get(post.thumbnail_url)
    context.display.say(f"{upload.name} is in the feed and plays {played:.1f} s")
    context.tally.add(
        [
            checks.plays(upload.name, played, upload.expected_s),
            Finding(
                Promise.UPLOADS,
                "the thumbnail is a picture",
                picture.is_success and picture.headers["content-type"] == "image/webp",
                f"{picture.status_code} {picture.headers.get('content-type')}",
            ),
        ]
    )


def _send(context: Context, uploader: Viewer, upload: Upload) -> None:
    caption, tags = f"Made on the spot: {upload.name}", ["demo"]
    made = uploader.create_upload(upload.path, caption, tags, upload.seconds * 1000)
    upload.post_id = UUID(made["post_id"])
    context.tally.add(
        [
            Finding(
                Promise.UPLOADS,
                "the answer says whether a video will be trimmed",
                made["will_trim"] == (upload.seconds > CAP_S),
                f"{upload.name}: will_trim {made['will_trim']}",
            )
        ]
    )
    upload.states.append(uploader.upload_state(upload.post_id)["state"])
    chunks = send_in_chunks(context.http, made["upload_url"], upload.path)
    size = upload.path.stat().st_size
    context.display.say(f"{upload.name}: {size:,} bytes sent in {chunks} chunks")


def _follow(context: Context, uploader: Viewer, uploads: list[Upload]) -> None:
    """Ask for the states until all have ended, or the deadline; sweep as the schedule does."""
    started = swept = time.monotonic()
    pause = Event()
    while time.monotonic() < started + _DEADLINE_S:
        for upload in uploads:
            if upload.states[-1] in FINAL:
                continue
            upload.answer = uploader.upload_state(upload.post_id)
            state = upload.answer["state"]
            if state != upload.states[-1]:
                upload.states.append(state)
                reason = f": {upload.answer['reason']}" if upload.answer["reason"] else ""
                context.display.say(f"{upload.name} is {state}{reason}")
        if all(upload.states[-1] in FINAL for upload in uploads):
            return
        if time.monotonic() > swept + _SWEEP_EVERY_S:
            context.stack.invoke("mux_webhook", _SCHEDULE)
            swept = time.monotonic()
        pause.wait(_PAUSE_S)


def _check_assets(context: Context, uploads: list[Upload]) -> None:
    """Mux deletes what is shown no more; what a webhook could not clear, the sweep does."""
    deadline = time.monotonic() + _DEADLINE_S / 2
    while True:
        findings = [
            checks.assets_left(u.name, _assets(context, u), clips=u.clips, own=u.own)
            for u in uploads
        ]
        if all(finding.holds for finding in findings) or time.monotonic() > deadline:
            context.tally.add(findings)
            return
        context.display.say("sweeping what is left at Mux")
        context.stack.invoke("mux_webhook", _SCHEDULE)
        Event().wait(_PAUSE_S)


def _assets(context: Context, upload: Upload) -> list[dict[str, Any]]:
    answer = context.mux.get("/video/v1/assets", params={"limit": 100})
    listed: list[dict[str, Any]] = expect(answer, HTTPStatus.OK)["data"]
    return [asset for asset in listed if asset.get("passthrough") == str(upload.post_id)]
