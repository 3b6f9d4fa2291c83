"""Run the stand-in: `python -m local.mux --port P --state-dir DIR`.

The environment holds the credentials of the API (`MUX_TOKEN_ID` and `MUX_TOKEN_SECRET`), the
comma-separated signing secrets (`MUX_WEBHOOK_SECRET`, of which the first one signs), and the
receiver of webhooks (`MUX_WEBHOOK_URL`). Webhooks wait while there is no receiver.
"""

import argparse
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from local.mux.server import HOST, listen, serve
from local.mux.settings import Settings, Tunables
from local.mux.stand_in import StandIn

REQUIRED = ("MUX_TOKEN_ID", "MUX_TOKEN_SECRET", "MUX_WEBHOOK_SECRET")


def main() -> None:
    """Run the stand-in until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m local.mux", description="A stand-in for Mux.")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) means any free port")
    parser.add_argument(
        "--state-dir", type=Path, required=True, help="the folder of records and media files"
    )
    parser.add_argument("--seed", type=int, help="the seed of the fault rules")
    parser.add_argument(
        "--tune", default="{}", help="JSON object of settings that differ from the defaults"
    )
    arguments = parser.parse_args()
    missing = [name for name in REQUIRED if not os.environ.get(name)]
    if missing:
        sys.exit(f"Not set: {', '.join(missing)}")
    try:
        tunables = Tunables.model_validate_json(arguments.tune)
    except ValidationError as error:
        sys.exit(f"--tune: {error}")
    if not tunables.webhook_url:
        tunables.webhook_url = os.environ.get("MUX_WEBHOOK_URL", "")
    bound = listen(arguments.port)
    settings = Settings(
        state_dir=arguments.state_dir,
        base_url=f"http://{HOST}:{bound.getsockname()[1]}",
        token_id=os.environ["MUX_TOKEN_ID"],
        token_secret=os.environ["MUX_TOKEN_SECRET"],
        webhook_secret=os.environ["MUX_WEBHOOK_SECRET"].split(",")[0].strip(),
    )
    serve(StandIn(settings, tunables, arguments.seed), bound)


if __name__ == "__main__":
    main()
