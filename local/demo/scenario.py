"""The demo's steps, in order, on a running stack."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

from local.catalogue import seed
from local.demo import cells, devices, scrolling
from local.demo.context import Context
from local.demo.observed import ObservedState
from local.demo.promises import OF_CELLS, OF_ONE_SERVER, Promise
from local.demo.uploading import upload_three
from local.errors import StackError
from local.services.parts import make_samples
from local.settings import StackSettings
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.demo.display import Display
    from local.demo.promises import Tally

POSTS = 300
_TIMEOUT_S = 60
_MUX = ("MUX_TOKEN_ID", "MUX_TOKEN_SECRET")


@dataclass(frozen=True)
class Scenario:
    """What the demo does on a running stack.

    Attributes:
        play: Goes through the steps.
        steps: How many steps there are, the start of the stack included.
        promises: What is checked.
    """

    play: Callable[[Context], None]
    steps: int
    promises: tuple[Promise, ...]


def chosen(environment: Mapping[str, str]) -> Scenario:
    """Return what the demo is to do: that for viewer cells where CELLS asks for some.

    Raises:
        StackError: CELLS is no number.
    """
    settings = StackSettings.from_environment(environment)
    if settings.cells > 0:
        return Scenario(cells.play, cells.STEPS, OF_CELLS)
    # A server that was given is not made read-only.
    left_out = set() if _own_parts(settings) else {Promise.READ_ONLY}
    return Scenario(_steps, 10, tuple(p for p in OF_ONE_SERVER if p not in left_out))


def _own_parts(settings: StackSettings) -> bool:
    """Return whether Postgres and DynamoDB are the stack's own, to be stopped and started."""
    return settings.database_url is None and settings.dynamodb_endpoint_url is None


def run(
    scenario: Scenario,
    folder: Path,
    tally: Tally,
    display: Display,
    parts: list[psutil.Process],
) -> None:
    """Bring a stack up, go through all steps, and end it.

    Args:
        scenario: What to do.
        folder: For the stack's data.
        tally: Takes the findings.
        display: The terminal.
        parts: Takes the processes that ran, so that their end can be checked.

    Raises:
        StackError: The stack did not start or a part ended, or an answer was not the one needed.
        httpx.HTTPError: The gateway or Mux did not answer.
        psycopg.Error: Postgres refused.
    """
    mux = {name: os.environ.get(name) or secrets.token_hex(16) for name in _MUX}
    settings = replace(
        StackSettings.from_environment({**os.environ, **mux}),
        state_dir=folder,
        port=0,
        durable=False,
        seed_posts=0,
    )
    with ExitStack() as ending:
        with display.step("The stack comes up"):
            stack = ending.enter_context(Stack(settings, lambda part: display.say(f"{part} …")))
            display.say(f"gateway at {stack.base_url}")
        ending.callback(lambda: parts.extend(psutil.Process().children(recursive=True)))
        if not stack.info["mux_url"]:
            raise StackError("there is no Mux to upload to")
        credentials = (mux["MUX_TOKEN_ID"], mux["MUX_TOKEN_SECRET"])
        mux_client = httpx.Client(
            base_url=stack.info["mux_url"], auth=credentials, timeout=_TIMEOUT_S, trust_env=False
        )
        context = Context(
            stack=stack,
            http=ending.enter_context(
                httpx.Client(base_url=stack.base_url, timeout=_TIMEOUT_S, trust_env=False)
            ),
            mux=ending.enter_context(mux_client),
            observed=ObservedState(stack.info["admin_database_url"]),
            tally=tally,
            display=display,
            folder=Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="vroom-videos-"))),
            own_parts=_own_parts(settings),
        )
        scenario.play(context)
        ended = [stack.failure() or "", *stack.losses()]
        if any(ended):
            raise StackError("; ".join(filter(None, ended)))


def _steps(context: Context) -> None:
    display = context.display
    with display.step(f"A catalogue of {POSTS} posts"):
        made = seed(context.observed.admin_url, posts=POSTS)
        make_samples(context.stack.info["mux_url"], display.say)
        display.say(f"{made.added} posts by {len(made.creators)} creators, {made.follows} follows")
    with display.step("Three videos are uploaded, processed and trimmed"):
        uploads = upload_three(context)
    with display.step("A viewer scrolls, and impressions flow back"):
        session = scrolling.scroll(context, uploads)
    with display.step("The same cursors again, foreign cursors, a post that is taken down"):
        scrolling.replay(context, session, {upload.post_id for upload in uploads})
    with display.step("The viewer comes back in a new session"):
        scrolling.return_later(context, session)
    with display.step("A viewer who has seen nearly all"):
        scrolling.run_thin(context)
    with display.step("One viewer, two devices in turns"):
        devices.take_turns(context, scrolling.nearly_done(context))
    with display.step("DynamoDB and Postgres are lost and return"):
        scrolling.lose_parts(context)
    with display.step("A server turns read-only, and a writer again"):
        scrolling.turn_read_only(context)
