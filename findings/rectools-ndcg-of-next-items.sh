#!/usr/bin/env bash
# The NDCG of RecTools cannot reach 1 where viewers have fewer right items than the list has places.
#
# Expected: NDCG@12 of a list whose first item is the only right one is 1.0, as in scikit-learn and
# ir_measures, and as RecTools' own MAP@12 and MRR@12 say. Seen: 0.196. By default RecTools divides by the
# gain of a list in which all twelve are right; `divide_by_achievable=True` gives 1.0. Whoever judges
# predictions of the one next video with several libraries compares figures that differ by a factor of
# five, and the factor changes with the length of the list.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
	RecTools==0.19.0 ir_measures==0.4.3 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")
import ir_measures
import pandas as pd
from rectools.metrics import MAP, MRR, NDCG
from sklearn.metrics import ndcg_score

SHOWN, RIGHT, K = list(range(100, 112)), 100, 12
shown = pd.DataFrame({"user_id": 1, "item_id": SHOWN, "rank": range(1, K + 1)})
watched = pd.DataFrame({"user_id": [1], "item_id": [RIGHT]})
scores = {str(item): float(K - place) for place, item in enumerate(SHOWN)}

found = {
    "scikit-learn": ndcg_score([[item == RIGHT for item in SHOWN]], [list(scores.values())], k=K),
    "ir_measures": ir_measures.calc_aggregate(
        [ir_measures.nDCG @ K], {"1": {str(RIGHT): 1}}, {"1": scores}
    )[ir_measures.nDCG @ K],
    "RecTools": NDCG(K).calc(shown, watched),
    "RecTools, divide_by_achievable": NDCG(K, divide_by_achievable=True).calc(shown, watched),
    "RecTools, MAP": MAP(K).calc(shown, watched),
    "RecTools, MRR": MRR(K).calc(shown, watched),
}
print(f"RecTools {version('RecTools')}: the one right item stands first of {K}")
for name, figure in found.items():
    print(f"{name}: {figure:.3f}")
same = {name: round(float(figure), 3) for name, figure in found.items()} == {
    **dict.fromkeys(found, 1.0),
    "RecTools": 0.196,
}
print("as described" if same else "CHANGED")
sys.exit(not same)
PYTHON
