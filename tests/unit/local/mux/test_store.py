from pathlib import Path

from local.mux.records import Asset, Upload
from local.mux.state.store import Store


def upload(key: str, status: str = "waiting") -> Upload:
    return Upload.model_validate(
        {"id": key, "secret": "s", "url": "u", "created_at": 1.5, "timeout": 60, "status": status}
    )


def test_records_come_back_in_the_order_of_their_making_and_in_their_last_state(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "deep" / "state.sqlite")
    for key in ("b", "a"):
        store.put(key, upload(key))
    store.put("b", upload("b", "cancelled"))
    store.close()
    again = Store(tmp_path / "deep" / "state.sqlite")
    assert list(again.load(Upload)) == [upload("b", "cancelled"), upload("a")]
    assert list(again.load(Asset)) == []
    again.clear()
    assert list(again.load(Upload)) == []
    again.close()
