from dataclasses import asdict

import pytest

from evaluation.footprint.measure import Window
from evaluation.footprint.report import figures
from evaluation.footprint.wal import Written


def test_figures_are_for_1000_pages_and_tell_images_of_pages_apart() -> None:
    bare = Window(pages=500, images=False, wal_bytes=10_000_000, roll_up_bytes=2_000_000)
    whole = Window(pages=500, images=True, wal_bytes=30_000_000, roll_up_cpu_s=0.5)
    whole.wal = {"posts": asdict(Written(9, 10_000_000, 20_000_000))}
    bare.grown = {"posts": (1_000_000, 500_000)}
    whole.grown = {"posts": (2_000_000, -500_000)}
    found = figures({"windows": [asdict(bare), asdict(whole)]})
    assert found == pytest.approx(
        {
            "WAL without images of pages, MB": 20.0,
            "WAL with one checkpoint, MB": 60.0,
            "of it images of pages, MB": 40.0,
            "WAL of the upkeep without images, MB": 4.0,
            "growth, MB": 3.0,
            "processor time of the upkeep, s": 0.5,
        }
    )
