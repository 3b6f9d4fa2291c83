from __future__ import annotations

from evaluation.percentiles import percentile, spread


def test_percentiles_are_interpolated_between_samples() -> None:
    samples = [float(n) for n in range(101)]

    assert percentile(samples, 50) == 50.0
    assert percentile(samples, 95) == 95.0
    assert percentile([1.0, 2.0], 50) == 1.5


def test_one_sample_is_all_its_percentiles() -> None:
    assert spread([3.0]) == {"n": 1, "p50_ms": 3.0, "p95_ms": 3.0, "p99_ms": 3.0}
