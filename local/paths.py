"""Where things are in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
MIGRATIONS = ROOT / "db" / "migrations"
CLIENT = ROOT / "client"
PAGE = CLIENT / "page" / "dist"
