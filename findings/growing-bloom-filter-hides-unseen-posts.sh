#!/usr/bin/env bash
# The Bloom filter of pyprobables that grows does not keep the error rate that it was made with.
#
# Expected: ExpandingBloomFilter(est_elements=1000, false_positive_rate=0.01) takes one unseen post in a
# hundred for seen, however many posts were added; a filter that grows has to ask less of each next part
# to keep that promise. Seen: each part that is added errs in one of a hundred on its own, and the errors
# add up: with 20,000 posts seen, one unseen post in six counts as seen, with 50,000 one in three. Its
# `elements_added` tells nothing of it. A feed that leaves out what such a filter knows hides more of
# what is new the more a viewer has watched. A filter that is sized for the longest history keeps its rate,
# and so, nearly, does one that tightens as it grows (pybloom_live's ScalableBloomFilter, beside it).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyprobables==0.7.0 pybloom_live==4.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

from probables import ExpandingBloomFilter
from pybloom_live import ScalableBloomFilter

UNSEEN = [f"unseen post {i}" for i in range(4_000)]


def wrongly_seen(known) -> float:
    return sum(post in known for post in UNSEEN) / len(UNSEEN)


print(f"pyprobables {version('pyprobables')}, made for 1,000 posts at an error rate of 0.01")
rates = {}
for seen in (1_000, 20_000, 50_000):
    growing = ExpandingBloomFilter(est_elements=1_000, false_positive_rate=0.01)
    tightening = ScalableBloomFilter(initial_capacity=1_000, error_rate=0.01)
    for i in range(seen):
        growing.add(f"post {i}")
        tightening.add(f"post {i}")
    rates[seen] = wrongly_seen(growing)
    print(f"{seen:6,} seen: {rates[seen]:.3f} of unseen posts count as seen"
          f" (pybloom_live: {wrongly_seen(tightening):.3f})")
same = rates[1_000] < 0.02 and rates[20_000] > 0.12 and rates[50_000] > 0.28
print("as described" if same else "CHANGED")
sys.exit(not same)
PYTHON
