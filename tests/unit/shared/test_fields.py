from __future__ import annotations

import json

import pytest

from functions.create_upload.requests import UploadRequest
from functions.feed_ranker.events.batches import parsed
from functions.feed_ranker.requests import ImpressionIn, SessionIn
from shared.errors import InvalidInputError
from shared.fields import MAX_TOLD, json_object
from shared.http import Body, parse_body, problem
from tests.unit.shared.http_events import VIEWER, event, wrapped

MANY = 100_000
LONG = "\U0001f600" * 500_000
FAULTY: dict[str, tuple[type[Body], str]] = {
    "many fields": (SessionIn, json.dumps(dict.fromkeys(map(str, range(MANY)), 1))),
    "a long name": (SessionIn, json.dumps({LONG: 1}, ensure_ascii=False)),
    "many tags": (UploadRequest, json.dumps({"size_bytes": 1, "content": {"tags": [1] * MANY}})),
    "many fields within": (
        UploadRequest,
        json.dumps({"size_bytes": 1, "content": dict.fromkeys(map(str, range(MANY)), 1)}),
    ),
}


@pytest.mark.parametrize(("model", "body"), FAULTY.values(), ids=FAULTY)
def test_the_answer_to_a_body_of_megabytes_stays_small(model: type[Body], body: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_body(model, wrapped(event("POST", body=body)), VIEWER)
    told = problem(refused.value, "an id").body or ""
    assert len(told) < 20_000
    assert 1 <= len(json.loads(told)["errors"]) <= MAX_TOLD + 1


def test_how_many_faults_are_left_out_is_told() -> None:
    body = json.dumps(dict.fromkeys((f"no{i}" for i in range(MAX_TOLD + 7)), 1))
    with pytest.raises(InvalidInputError) as refused:
        parse_body(SessionIn, wrapped(event("POST", body=body)), VIEWER)
    fields = [told.field for told in refused.value.problems]
    assert fields == [*(f"no{i}" for i in range(MAX_TOLD)), "body"]
    assert refused.value.problems[-1].message == "7 more faults are not listed."


def test_the_reason_for_a_row_is_short_however_long_its_field_is() -> None:
    row = json.loads(json.dumps({LONG: 1}))
    assert len(str(parsed(ImpressionIn, row))) < 200


@pytest.mark.parametrize("row", [None, 5, "x", [], [{}]])
def test_a_row_that_is_no_object_is_told_so_without_the_name_of_a_class(row: object) -> None:
    assert parsed(ImpressionIn, row) == "body: Input should be a JSON object"


def test_a_row_that_names_a_field_twice_is_refused_alone() -> None:
    text = '[{"position": 1, "position": 1}, {"position": 1}]'
    first, second = json.loads(text, object_pairs_hook=json_object)
    assert parsed(ImpressionIn, first) == "body: The object names a field twice."
    assert parsed(ImpressionIn, second) == "event_id: Field required"
