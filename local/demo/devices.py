"""One viewer with two devices, where little is left to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.demo.promises import Finding, Promise
from local.demo.session import PAGE_SIZE, Session

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from local.demo.answers import Page
    from local.demo.client import Viewer
    from local.demo.context import Context

_TURNS = 3


def take_turns(context: Context, viewer: Viewer) -> None:
    """Let two devices of one viewer scroll in turns, each with a session of its own.

    Args:
        context: The demo's things.
        viewer: Somebody who has seen nearly all posts.
    """
    phone = Session(viewer, context.observed, context.tally)
    tablet = Session(viewer, context.observed, context.tally)
    for _ in range(_TURNS):
        for device in (phone, tablet):
            stock = context.observed.stock(viewer.id, device.served)
            page = device.next()
            device.record(page)
            context.tally.add(turn(page, stock.eligible, stock.unseen))
    context.display.say(f"{2 * _TURNS} pages, each full, on two devices in turns")
    again = phone.replay(0)
    context.tally.add(
        [
            Finding(
                Promise.TWO_DEVICES,
                "a page stays as it was, whatever the other device has shown",
                again.ids == phone.pages[0].ids,
                f"{phone.pages[0].ids} became {again.ids}",
            )
        ]
    )


def turn(page: Page, eligible: Collection[UUID], unseen: Collection[UUID]) -> list[Finding]:
    """Check a page that comes after another device's."""
    full = len(page.posts) == min(PAGE_SIZE, len(eligible))
    repeated = [post.post_id for post in page.posts if not post.is_repeat]
    return [
        Finding(
            Promise.TWO_DEVICES,
            "a page is full, whatever the other device has shown",
            full,
            f"{len(page.posts)} posts while {len(eligible)} may be shown",
        ),
        Finding(
            Promise.TWO_DEVICES,
            "what the other device has shown passes as a repeat, never as unseen",
            set(repeated) <= set(unseen),
            f"{sorted(set(repeated) - set(unseen))} passed as unseen",
        ),
    ]
