"""`python -m local.mux --port P --state-dir DIR`.

From the environment: `MUX_TOKEN_ID` and `MUX_TOKEN_SECRET`, the credentials of the API;
`MUX_WEBHOOK_SECRET`, whose first value signs (they are comma-separated); `MUX_WEBHOOK_URL`, where
webhooks go (empty = nowhere until `/control/settings` says so).
"""

import argparse
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from local.mux.server import HOST, listen, serve
from local.mux.settings import Settings, Tunables
from local.mux.standin import StandIn

REQUIRED = ("MUX_TOKEN_ID", "MUX_TOKEN_SECRET", "MUX_WEBHOOK_SECRET")


def main() -> None:
    """Run the stand-in until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m local.mux", description="A stand-in for Mux.")
    parser.add_argument("--port", type=int, default=0, help="0 = any free one (default)")
    parser.add_argument("--state-dir", type=Path, required=True, help="books and media files")
    parser.add_argument("--seed", type=int, help="of bad manners and faults")
    parser.add_argument("--tune", default="{}", help="JSON: settings other than the defaults")
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
