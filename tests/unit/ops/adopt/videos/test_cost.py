from __future__ import annotations

import pytest

from ops.adopt.mapping import MappingError
from ops.adopt.videos.settings import Cost, IngestionSettings


def test_a_long_video_is_encoded_twice_and_stored_up_to_the_cap() -> None:
    settings = IngestionSettings(ingest_per_s=0.5, encoding_price=0.1, storage_price=0.01)
    cost = Cost.of([60.0, 600.0, 180.4], settings)
    assert cost is not None
    assert cost.encoded_minutes == pytest.approx((60 + 600 + 180 + 180.4) / 60)
    assert cost.stored_minutes == pytest.approx((60 + 180 + 180) / 60)
    assert cost.seconds == 4 / 0.5
    assert "$1.70 once and $0.07 a month" in cost.dollars(settings)


def test_lengths_that_nobody_knows_take_the_average_that_is_given() -> None:
    assert Cost.of([None, 60.0], IngestionSettings()) is None
    cost = Cost.of([None, 60.0], IngestionSettings(minutes_per_video=2))
    assert cost is not None
    assert cost.encoded_minutes == 3


def test_no_price_is_made_up() -> None:
    cost = Cost.of([60.0], IngestionSettings(encoding_price=1))
    assert cost is not None
    assert "$" not in cost.dollars(IngestionSettings(encoding_price=1))


def test_what_is_missing_or_wrong_is_named_without_its_value() -> None:
    with pytest.raises(MappingError, match="needs ENCODING_PRICE, STORAGE_PRICE, MUX_TOKEN_ID"):
        IngestionSettings().require_all()
    with pytest.raises(MappingError, match="INGEST_PER_S") as refused:
        IngestionSettings.from_settings({"INGEST_PER_S": "seven"})
    assert "seven" not in str(refused.value)
