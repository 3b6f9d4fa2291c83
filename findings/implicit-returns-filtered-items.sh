#!/usr/bin/env bash
# implicit fills a recommendation list with the very items that it was told to leave out.
#
# Expected: a viewer with three items left, asked for ten with filter_already_liked_items=True, gets
# three, or seven places marked as empty. Seen: ten items, seven of them liked before. ALS and BPR give
# those a score of -3.4e38. The item-neighbour models give them 0.0, the score of an unseen item that has
# no neighbour, so that nothing tells the two apart. Items named in filter_items come back in the same
# way. A feed that takes "filtered" at its word repeats posts as soon as a viewer has seen nearly all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check implicit==0.7.3 numpy==2.2.6 scipy==1.15.3
OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import implicit
import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix

warnings.filterwarnings("ignore")
VIEWERS, ITEMS, LIKED, WANTED = 200, 40, 37, 10
watched = (np.random.default_rng(0).random((VIEWERS, ITEMS)) < 0.3).astype("float32")
watched[0] = 0
watched[0, :LIKED] = 1
matrix = csr_matrix(watched)
models = [
    AlternatingLeastSquares(factors=8, iterations=5, random_state=0, use_gpu=False),
    BayesianPersonalizedRanking(factors=8, iterations=20, random_state=0, use_gpu=False),
    CosineRecommender(K=20),
]
print(f"implicit {implicit.__version__}: {ITEMS - LIKED} items are left, {WANTED} are asked for")
same = True
for model in models:
    model.fit(matrix, show_progress=False)
    ids, scores = model.recommend(0, matrix[0], N=WANTED, filter_already_liked_items=True)
    liked = [(int(i), float(s)) for i, s in zip(ids, scores) if 0 <= i < LIKED]
    print(f"{type(model).__name__}: {len(ids)} items, {len(liked)} liked before: {liked[:2]} …")
    same &= len(ids) == WANTED and len(liked) == WANTED - (ITEMS - LIKED)
ids, _ = models[0].recommend(0, matrix[0], N=WANTED, filter_already_liked_items=False,
                             filter_items=list(range(35)))
named = [int(i) for i in ids if 0 <= i < 35]
print(f"filter_items=0..34, AlternatingLeastSquares: {named} come back")
same &= len(named) == 5
print("as described" if same else "CHANGED")
sys.exit(not same)
PYTHON
