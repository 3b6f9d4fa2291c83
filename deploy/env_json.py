"""The environment of the running local stack, as `sam local --env-vars` takes it.

    python -m deploy.env_json .local env.json [HOST]

HOST is this machine's name in a container: host.docker.internal, unless another is given.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from deploy.checks.translation import TEMPLATE
from local.errors import StackError
from local.gateway.template import load_template
from local.state import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOPBACK = "127.0.0.1"
CONTAINER_HOST = "host.docker.internal"
# Addresses that the functions hand out and never call: clients are outside of the container.
FOR_CLIENTS = {"MUX_STREAM_BASE_URL", "MUX_IMAGE_BASE_URL"}


def env_vars(
    environments: Mapping[str, Mapping[str, str]], template: Path, host: str = CONTAINER_HOST
) -> dict[str, dict[str, str]]:
    """The variables of each function.

    Args:
        environments: What each function got from the local gateway, by logical id.
        template: The SAM template: `sam local` sets the variables that it names, and no others.
        host: This machine as the functions' containers see it.

    Returns:
        Logical id to its variables, the content of env.json.
    """
    functions = load_template(template, {}).functions
    found: dict[str, dict[str, str]] = {}
    for logical_id, function in functions.items():
        given = environments[logical_id]
        found[logical_id] = {
            name: given[name] if name in FOR_CLIENTS else _seen_from(given[name], host)
            for name in function.environment
            if name in given
        } | {
            # The plain values count: no secret is to be asked for by an ARN.
            name: ""
            for name in function.environment
            if name.endswith("_SECRET_ARN")
        }
    return found


def running_environments(state_dir: Path) -> dict[str, dict[str, str]]:
    """What the functions of the stack that runs in a folder got.

    Raises:
        StackError: No stack runs there.
    """
    if not (state_dir / "stack.json").exists():
        raise StackError(f"no stack runs in {state_dir}: start it with `make dev`")
    config = json.loads((state_dir / "gateway.json").read_text(encoding="utf-8"))
    environments: dict[str, dict[str, str]] = config["environments"]
    return environments


def _seen_from(value: str, host: str) -> str:
    """A URL of this machine with another host; everything else as it is."""
    url = urlsplit(value)
    if url.hostname != LOOPBACK or not url.scheme:
        return value
    return urlunsplit(url._replace(netloc=url.netloc.replace(LOOPBACK, host)))


def main(state_dir: Path, target: Path, host: str) -> int:
    """Write env.json; the exit status."""
    try:
        write_json(target, env_vars(running_environments(state_dir), TEMPLATE, host))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"wrote {target}\n")
    return 0


if __name__ == "__main__":
    state, to, *more = sys.argv[1:]
    sys.exit(main(Path(state), Path(to), *(more or [CONTAINER_HOST])))
