#!/usr/bin/env bash
# tea-tasting takes viewers whose value is missing into its sample size, and so finds effects where none are.
#
# Expected: tt.Mean of a column that is empty for some viewers leaves them out, as SciPy does with
# nan_policy="omit", or it gives nan or an error. Seen: mean and variance are those of the viewers who have
# a value, but the variance is divided by the number of all viewers. There is no warning. Where three viewers
# in four have no watch ratio since they played nothing, the standard error comes out at half of its true
# size, and a third of experiments without any difference has a p-value below 0.05. Drop the empty rows
# for each metric first, or fill them with 0 where that is what they mean.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
	tea-tasting==1.14.0 numpy==2.4.6 scipy==1.17.1 pyarrow==26.0.1
OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tea_tasting as tt
from scipy.stats import ttest_ind

warnings.filterwarnings("error")
VIEWERS, EXPERIMENTS = 2_000, 300
experiment = tt.Experiment(watch_ratio=tt.Mean("watch_ratio"))
random = np.random.default_rng(0)


def without_difference() -> pa.Table:
    played = random.random(VIEWERS) < 0.25
    ratio = pa.array(random.beta(2, 3, VIEWERS), mask=~played)
    return pa.table({"variant": np.arange(VIEWERS) % 2, "watch_ratio": ratio})


def by_scipy(viewers: pa.Table) -> float:
    parts = [
        viewers.filter(pc.field("variant") == variant)["watch_ratio"].to_numpy()
        for variant in (0, 1)
    ]
    return ttest_ind(*parts, equal_var=False, nan_policy="omit").pvalue


def by_tea_tasting(viewers: pa.Table) -> float:
    return experiment.analyze(viewers)["watch_ratio"].pvalue


found: dict[str, list[float]] = {}
for _ in range(EXPERIMENTS):
    viewers = without_difference()
    for name, pvalue in {
        "SciPy, empty values omitted": by_scipy(viewers),
        "tea-tasting, empty rows dropped first": by_tea_tasting(viewers.drop_null()),
        "tea-tasting": by_tea_tasting(viewers),
    }.items():
        found.setdefault(name, []).append(pvalue)
print(f"tea-tasting {version('tea-tasting')}: {EXPERIMENTS} experiments without any difference")
wrong = {}
for name, pvalues in found.items():
    wrong[name] = sum(pvalue < 0.05 for pvalue in pvalues) / EXPERIMENTS
    print(f"{name}: first p {pvalues[0]:.4f}, below 0.05 in {wrong[name]:.3f} of them")
scipy_share, dropped_share, share = wrong.values()
same = max(scipy_share, dropped_share) < 0.1 and share > 0.25
print("as described" if same else "CHANGED")
sys.exit(not same)
PYTHON
