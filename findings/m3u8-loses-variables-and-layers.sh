#!/usr/bin/env bash
# A playlist that the PyPI package m3u8 reads and writes again no longer plays the same video.
#
# Expected: dumps(loads(text)) keeps every tag and attribute of a valid multivariant playlist, as one needs
# who rewrites addresses to sign them. Seen: EXT-X-DEFINE is gone while its variable still stands in the
# address, so that no player finds the video. SUPPLEMENTAL-CODECS and SCORE are gone, and with them the
# Dolby Vision layer and the server's preference. REQ-VIDEO-LAYOUT comes back under a name with an
# underscore and within two pairs of quotes, which no parser takes. Nothing is raised.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check m3u8==6.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import m3u8

GIVEN = """#EXTM3U
#EXT-X-VERSION:12
#EXT-X-DEFINE:NAME="host",VALUE="https://video.example"
#EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS="hvc1.2.20000000.L93.B0",\
SUPPLEMENTAL-CODECS="dvh1.08.03/db4h",SCORE=2.0,REQ-VIDEO-LAYOUT="CH-STEREO",RESOLUTION=360x640
{$host}/stereo/360.m3u8
"""
written = m3u8.loads(GIVEN).dumps()
print("m3u8", version("m3u8"))
print(written)
seen = {
    "the definition is gone": "EXT-X-DEFINE" not in written,
    "its variable is still there": "{$host}" in written,
    "the enhancement layer is gone": "SUPPLEMENTAL-CODECS" not in written,
    "the score is gone": "SCORE=" not in written,
    "the layout is no attribute any more": 'REQ-VIDEO_LAYOUT=""CH-STEREO""' in written,
}
for what, found in seen.items():
    print(f"{what}: {found}")
same = all(seen.values())
print("as described" if same else "CHANGED")
sys.exit(not same)
PYTHON
