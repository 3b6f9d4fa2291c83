"""The program `python -m deploy.artifacts`.

Its commands are `assemble FUNCTION FOLDER`, `sizes [BUILD]` and `init-times`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from deploy.artifacts import init_times, zips
from deploy.artifacts.assemble import assemble
from deploy.artifacts.functions import FUNCTIONS, by_name
from deploy.artifacts.host import BuildError, build


def main() -> int:
    """Run the command that is given, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.artifacts")
    commands = parser.add_subparsers(dest="command", required=True)
    of_build = commands.add_parser("assemble", help="complete a folder of installed wheels")
    of_build.add_argument("function", choices=[function.name for function in FUNCTIONS])
    of_build.add_argument("folder", type=Path)
    of_sizes = commands.add_parser("sizes", help="list the zips' sizes")
    of_sizes.add_argument("build", type=Path, nargs="?", help="a build; default: for this machine")
    of_init = commands.add_parser("init-times", help="measure each function's init")
    of_init.add_argument("--runs", type=int, default=7)
    of_init.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cache = Path(os.environ.get("STATE_DIR") or ".local") / "artifacts"
    try:
        if arguments.command == "assemble":
            assemble(by_name(arguments.function), arguments.folder)
        elif arguments.command == "sizes":
            print(zips.table(zips.sizes(arguments.build or build(cache))))
        else:
            times = init_times.init_times(build(cache), runs=arguments.runs)
            print(json.dumps(times, indent=2) if arguments.json else init_times.table(times))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
