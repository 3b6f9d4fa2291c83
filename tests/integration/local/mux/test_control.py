import pytest

from tests.integration.local.mux.running import Receiver, Running


def test_there_is_a_page_for_a_person(mux: Running) -> None:
    for path in ("/control", "/control/"):
        page = mux.http.get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert "Faults of webhooks" in page.text


def test_rules_are_listed_and_removed(mux: Running) -> None:
    for kind, rule in (("webhook-faults", {"kind": "drop"}), ("api-faults", {"kind": "cut"})):
        (listed,) = mux.control(kind, rule)
        assert listed["kind"] == rule["kind"]
        assert mux.control(kind, method="GET") == [listed]
        assert mux.control(kind, method="DELETE") == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "webhook-faults", {"kind": "shout"}),
        ("POST", "api-faults", {"kind": "status", "status": 200}),
        ("POST", "api-faults", []),
        ("PATCH", "settings", {"unheard": 1}),
        ("PATCH", "settings", {"post_rate": -1}),
        ("PATCH", "settings", []),
        ("POST", "events", {"kind": "ordinary"}),
        ("POST", "events", {"type": "x", "data": {}}),
        ("POST", "seed", {}),
    ],
)
def test_what_makes_no_sense_is_refused(mux: Running, method: str, path: str, body: object) -> None:
    before = mux.control("settings", method="GET")
    answer = mux.http.request(method, f"/control/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["messages"]
    assert mux.control("settings", method="GET") == before


def test_a_foreign_page_or_name_cannot_use_it(mux: Running) -> None:
    foreign = mux.http.post("/control/reset", headers={"origin": "https://evil.test"})
    assert foreign.status_code == 403
    renamed = mux.http.get("/control/state", headers={"host": "evil.test"})
    assert renamed.status_code == 400
    own = mux.http.post("/control/reset", headers={"origin": mux.url})
    assert own.status_code == 204


def test_the_same_seed_drops_the_same_events(mux: Running, receiver: Receiver) -> None:
    runs = []
    for _ in range(2):
        mux.control("seed", {"seed": 4})
        mux.control("webhook-faults", method="DELETE")
        mux.control("webhook-faults", {"kind": "drop", "fraction": 0.5})
        begun = len(mux.state()["webhooks"])
        for _ in range(8):
            mux.create_upload()
        mux.settle()
        runs.append([webhook["state"] for webhook in mux.state()["webhooks"][begun:]])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {"dropped", "delivered"}
    assert len(receiver.received) == (runs[0] + runs[1]).count("delivered")


def test_a_reset_forgets_everything(mux: Running) -> None:
    mux.create_upload()
    mux.control("webhook-faults", {"kind": "drop"})
    mux.control("settings", {"fail_clips": 3}, "PATCH")
    mux.control("reset")
    state = mux.state()
    assert state["uploads"] == state["assets"] == state["webhooks"] == []
    assert state["calls"]["by_verb"] == {}
    assert mux.control("webhook-faults", method="GET") == []
    settings = mux.control("settings", method="GET")
    assert (settings["fail_clips"], settings["webhook_url"]) == (0, "")


def test_uploads_and_assets_can_be_made_to_fail(mux: Running) -> None:
    upload = mux.create_upload()
    assert mux.control(f"uploads/{upload.id}/fail", {"message": "no"})["status"] == "errored"
    mux.control("settings", {"processing_delay": 600}, "PATCH")
    other = mux.create_upload()
    mux.http.put(other.url, content=b"abc")
    (asset,) = mux.state()["assets"]
    failed = mux.control(f"assets/{asset['id']}/fail", {"message": "no"})
    assert failed["errors"] == {"type": "invalid_input", "messages": ["no"]}
