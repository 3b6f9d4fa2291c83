"""Writes docs/openapi.json; with --check, says whether it is as it should be."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from deploy.openapi.document import build

PATH: Final = Path(__file__).parents[2] / "docs" / "openapi.json"


def text() -> str:
    """Return the document in the form in which it is committed."""
    return json.dumps(build(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the document, or compare it with the committed one. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; 1 where it differs")
    if not parser.parse_args().check:
        PATH.write_text(text(), encoding="utf-8")
        return 0
    if PATH.is_file() and PATH.read_text(encoding="utf-8") == text():
        return 0
    sys.stderr.write("docs/openapi.json is not what the handlers say: run `make openapi`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
