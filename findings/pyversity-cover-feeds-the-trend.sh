#!/usr/bin/env bash
# pyversity's COVER, asked for nothing but diversity, fills a page with the commonest topic.
#
# Expected: of 200 candidates, 60 of one trend and 140 of ten other topics, the strategy that the package
# calls facility location brings every topic onto a page of twelve. In facility location an item counts by
# the one shown item that is most like it, so that a second post of the trend adds next to nothing. Seen: at
# diversity=1.0 nine of twelve posts are of the trend, twice as many as in a list by score alone, and
# seven of the eleven topics are not on the page. COVER adds up the likeness to all shown items under a
# square root, so that whatever most candidates are like goes on winning. MMR and DPP of the same package,
# and facility location as it is defined, bring all eleven topics. A feed that takes COVER so that no
# topic goes missing gets the opposite.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyversity==0.2.0 numpy==2.2.6
OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from pyversity import Strategy, diversify

TREND, OTHERS, TOPICS, SHOWN, DIMENSIONS = 60, 140, 10, 12, 64
topic_of = np.r_[np.zeros(TREND, int), 1 + np.arange(OTHERS) % TOPICS]


def facility_location(embeddings: np.ndarray) -> list[int]:
    """Pick greedily what raises the sum, over all items, of the likeness to the nearest pick."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    likeness = np.clip(unit @ unit.T, 0, None)
    nearest, picks = np.zeros(len(unit)), []
    for _ in range(SHOWN):
        gain = np.maximum(likeness, nearest).sum(axis=1)
        gain[picks] = -1
        picks.append(int(gain.argmax()))
        nearest = np.maximum(nearest, likeness[picks[-1]])
    return picks


def lists(seed: int) -> dict[str, list[int]]:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(TOPICS + 1, DIMENSIONS))
    spread = np.where(topic_of == 0, 0.4, 0.8)[:, None]
    embeddings = centres[topic_of] + spread * random.normal(size=(len(topic_of), DIMENSIONS))
    scores = random.random(len(topic_of))

    def by(strategy: Strategy, diversity: float) -> list[int]:
        return list(diversify(embeddings, scores, SHOWN, strategy, diversity).indices)

    return {
        "by score alone": list(np.argsort(-scores)[:SHOWN]),
        "COVER, diversity 0.5": by(Strategy.COVER, 0.5),
        "COVER, diversity 1.0": by(Strategy.COVER, 1.0),
        "MMR, diversity 1.0": by(Strategy.MMR, 1.0),
        "DPP, diversity 1.0": by(Strategy.DPP, 1.0),
        "facility location": facility_location(embeddings),
    }


print(f"pyversity {version('pyversity')}: {SHOWN} of {len(topic_of)} candidates, {TREND} of them of one trend")
seen: dict[str, list[tuple[int, int]]] = {}
for seed in range(10):
    for name, picks in lists(seed).items():
        topics = topic_of[picks]
        seen.setdefault(name, []).append((int((topics == 0).sum()), len(set(topics))))
mean = {name: np.mean(figures, axis=0) for name, figures in seen.items()}
for name, (trend, topics) in mean.items():
    print(f"{name}: {trend:.1f} of the trend, {topics:.1f} of {TOPICS + 1} topics (mean of 10 draws)")
same = all(
    mean[name][0] > 1.5 * mean["by score alone"][0] and mean[name][1] < 6
    for name in ("COVER, diversity 0.5", "COVER, diversity 1.0")
) and all(
    mean[name][0] < 2.5 and mean[name][1] > 10
    for name in ("MMR, diversity 1.0", "DPP, diversity 1.0", "facility location")
)
print("as described" if same else "CHANGED")
sys.exit(not same)
PYTHON
