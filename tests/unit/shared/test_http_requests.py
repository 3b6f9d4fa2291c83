from __future__ import annotations

import base64
import json
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from shared.errors import FieldProblem, ForbiddenError, InvalidInputError, UnauthorizedError
from shared.fields import Fields
from shared.http import Body, parse_body, parse_query, raw_body, viewer_of
from tests.unit.shared.http_events import OTHER, VIEWER, event, wrapped


class Row(Fields):
    count: Annotated[int, Field(strict=True, ge=1)]


class Example(Body):
    name: Annotated[str, Field(max_length=1_000)]
    rows: tuple[Row, ...] = ()


class Query(BaseModel):
    page_size: Annotated[int, Field(ge=1, le=50)] = 12


def parsed(body: object, *, base64_encoded: object = False) -> Example:
    raw = event("POST", body=body, base64_encoded=base64_encoded)
    return parse_body(Example, wrapped(raw), VIEWER)


def problems(body: object, *, base64_encoded: object = False) -> tuple[FieldProblem, ...]:
    with pytest.raises(InvalidInputError) as refused:
        parsed(body, base64_encoded=base64_encoded)
    return refused.value.problems


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_the_viewer_is_the_sub_of_the_verified_token() -> None:
    assert viewer_of(wrapped(event()), "sub") == VIEWER


@pytest.mark.parametrize("sub", ["", "root", "123", None, 7, ["x"], str(VIEWER)[:-1], "é" * 36])
def test_a_sub_that_is_no_uuid_is_unauthorized(sub: object) -> None:
    with pytest.raises(UnauthorizedError):
        viewer_of(wrapped(event(claims={"sub": sub})), "sub")


@pytest.mark.parametrize(
    "context", [None, {}, {"authorizer": None}, {"authorizer": {}}, {"authorizer": {"jwt": None}}]
)
def test_a_request_without_claims_is_unauthorized(context: object) -> None:
    with pytest.raises(UnauthorizedError):
        viewer_of(wrapped({**event(), "requestContext": context}), "sub")


def test_claims_without_a_sub_are_unauthorized() -> None:
    with pytest.raises(UnauthorizedError):
        viewer_of(wrapped(event(claims={"scope": "all"})), "sub")


@pytest.mark.parametrize(
    "claim", ["vroom_id", "https://vroom.example.com/user_id", "custom:vroom_id"]
)
def test_the_viewer_may_stand_in_another_claim_and_then_the_sub_is_nobody(claim: str) -> None:
    claims = {"sub": "auth0|507f1f77bcf86cd799439011", claim: str(VIEWER)}
    assert viewer_of(wrapped(event(claims=claims)), claim) == VIEWER
    with pytest.raises(UnauthorizedError, match="claim sub"):
        viewer_of(wrapped(event(claims=claims)), "sub")
    with pytest.raises(UnauthorizedError):
        viewer_of(wrapped(event(claims={"sub": str(VIEWER)})), claim)


@pytest.mark.parametrize("named", [str(OTHER), "", "me", f"{VIEWER},{OTHER}"])
def test_a_query_that_names_another_viewer_is_forbidden(named: str) -> None:
    with pytest.raises(ForbiddenError):
        viewer_of(wrapped(event(query={"user_id": named})), "sub")


@pytest.mark.parametrize("named", [str(VIEWER), str(VIEWER).upper()])
def test_a_query_may_name_the_viewer_again(named: str) -> None:
    assert viewer_of(wrapped(event(query={"user_id": named})), "sub") == VIEWER


def test_a_query_is_parsed_and_an_absent_one_has_its_defaults() -> None:
    assert parse_query(Query, wrapped(event(query={"page_size": "50"}))).page_size == 50
    assert parse_query(Query, wrapped(event(query=None))).page_size == 12


@pytest.mark.parametrize("value", ["0", "51", "-1", "x", "", "1e1", "12.5", "9" * 400])
def test_a_bad_query_parameter_is_named(value: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_query(Query, wrapped(event(query={"page_size": value})))
    (problem,) = refused.value.problems
    assert problem.field == "page_size"


@given(name=st.text(), counts=st.lists(st.integers(1, 9), max_size=5), base64_encoded=st.booleans())
def test_a_good_body_arrives_as_it_was_sent_coded_or_not(
    name: str, counts: list[int], *, base64_encoded: bool
) -> None:
    sent = {"name": name, "rows": tuple({"count": count} for count in counts)}
    text = json.dumps(sent, ensure_ascii=False)
    body = coded(text.encode()) if base64_encoded else text
    assert parsed(body, base64_encoded=base64_encoded).model_dump(exclude={"user_id"}) == sent


def test_every_bad_field_is_named_by_its_dotted_path() -> None:
    found = problems('{"rows": [{"count": 1}, {"count": 0}, {"count": true}], "extra": 1}')
    assert [p.field for p in found] == ["name", "rows.1.count", "rows.2.count", "extra"]


def test_a_fault_does_not_repeat_what_was_sent() -> None:
    (problem,) = problems('{"name": {"deep": "hunter2"}}')
    assert "hunter2" not in problem.message


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "{",
        "name=x",
        "{'name': 1}",
        '{"name": "x"} trailing',
        "[" * 100_000,
        '{"name":' * 100_000,
        "9" * 5_000,
        '{"name": "\ud800"} \ud800',
        "\ud800",
    ],
)
def test_a_body_that_is_no_json_is_refused_as_such(body: object) -> None:
    assert problems(body) == (FieldProblem("body", "is not JSON in UTF-8"),)


@pytest.mark.parametrize(
    "data", [b"\xff\xfe{", b'{"name": "\xe9"}', b"\x00\x01", b"\x80", b'{"name": "\xed\xa0"}']
)
def test_a_body_that_is_not_utf_8_is_refused(data: bytes) -> None:
    assert problems(coded(data), base64_encoded=True) == (
        FieldProblem("body", "is not JSON in UTF-8"),
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_json_in_another_encoding_than_utf_8_is_refused(encoding: str) -> None:
    assert problems(coded('{"name": "x"}'.encode(encoding)), base64_encoded=True)


@pytest.mark.parametrize("body", ["[]", "null", "1", '"text"', "true", "NaN", "[{}]"])
def test_json_that_is_no_object_is_refused(body: str) -> None:
    assert problems(body) == (FieldProblem("body", "is not a JSON object"),)


@pytest.mark.parametrize("body", ['{"name": "x"}', "YQ", "YQ==\n", "Y!Q=", "é", "===="])
def test_a_body_flagged_as_base64_that_is_none_is_refused(body: str) -> None:
    assert problems(body, base64_encoded=True) == (FieldProblem("body", "is not base64"),)


def test_a_coded_body_that_is_not_flagged_is_no_json() -> None:
    assert problems(coded(b'{"name": "x"}')) == (FieldProblem("body", "is not JSON in UTF-8"),)


@pytest.mark.parametrize("body", ['{"name": "\\ud800"}', '{"name": "x", "\\ud800": 1}'])
def test_half_a_character_is_refused(body: str) -> None:
    assert problems(body)


# Texts that stand in the code are drawn, too. Who names a user_id there is refused for that.
keys = st.text().filter(lambda key: key not in {"name", "user_id"}) | st.just("rows")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    )
)
def test_whatever_json_comes_without_a_name_it_is_refused(value: object) -> None:
    assert problems(json.dumps(value))


@given(st.binary(max_size=60).filter(lambda data: b"name" not in data))
def test_whatever_bytes_come_they_are_refused(data: bytes) -> None:
    assert problems(coded(data), base64_encoded=True)
    assert problems(data.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "x", "name": "x"}',
        '{"name": "x", "rows": [{"count": 1, "count": 2}]}',
        '{"name": "x", "user_id": null, "user_id": null}',
    ],
)
def test_an_object_that_names_a_field_twice_is_refused(body: str) -> None:
    (problem,) = problems(body)
    assert problem.message == "The object names a field twice."


@pytest.mark.parametrize("order", [(OTHER, VIEWER), (VIEWER, OTHER)])
def test_a_body_that_names_two_viewers_is_forbidden(order: tuple[UUID, UUID]) -> None:
    body = '{{"name": "x", "user_id": "{}", "user_id": "{}"}}'.format(*order)
    with pytest.raises(ForbiddenError):
        parsed(body)
    with pytest.raises(ForbiddenError):
        viewer_of(wrapped(event("DELETE", body=body)), "sub")


def test_a_body_that_names_another_viewer_is_forbidden() -> None:
    with pytest.raises(ForbiddenError):
        parsed(json.dumps({"name": "x", "user_id": str(OTHER)}))


NOT_THE_VIEWER = [str(OTHER), "bob", "", 5, 0, False, [str(VIEWER)], {"id": str(VIEWER)}, "\ud800"]


@pytest.mark.parametrize("named", NOT_THE_VIEWER)
@pytest.mark.parametrize("rest", [{"name": "x"}, {}, {"name": 7, "surprise": 1}])
def test_whatever_is_not_the_viewers_id_is_forbidden_before_anything_else_is_looked_at(
    named: object, rest: dict[str, Any]
) -> None:
    with pytest.raises(ForbiddenError):
        parsed(json.dumps({**rest, "user_id": named}))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("named", NOT_THE_VIEWER)
@pytest.mark.parametrize("base64_encoded", [True, False])
def test_a_body_that_no_route_asked_for_may_not_name_another_viewer_either(
    method: str, named: object, *, base64_encoded: bool
) -> None:
    text = json.dumps({"user_id": named, "more": 1})
    body = coded(text.encode()) if base64_encoded else text
    with pytest.raises(ForbiddenError):
        viewer_of(wrapped(event(method, body=body, base64_encoded=base64_encoded)), "sub")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "body",
    [
        *(None, "", "{", "[]", "null", '"x"', "user_id=bob", "[" * 100_000, "\ud800"),
        *("{}", '{"user_id": null}', json.dumps({"user_id": str(VIEWER).upper()})),
    ],
)
def test_any_other_body_that_no_route_asked_for_is_ignored(method: str, body: object) -> None:
    assert viewer_of(wrapped(event(method, body=body)), "sub") == VIEWER
    assert viewer_of(wrapped(event(method, body="Y!", base64_encoded=True)), "sub") == VIEWER


@pytest.mark.parametrize("named", [None, str(VIEWER), str(VIEWER).upper(), VIEWER.hex])
def test_a_body_may_name_the_viewer_again(named: str | None) -> None:
    viewer = parsed(json.dumps({"name": "x", "user_id": named})).user_id
    assert viewer == (named and UUID(named))


@given(st.binary(max_size=200))
def test_the_raw_body_is_the_bytes_that_were_sent(data: bytes) -> None:
    raw: dict[str, Any] = event("POST", body=coded(data), base64_encoded=True)
    assert raw_body(wrapped(raw)) == data


@given(st.text())
def test_the_raw_body_of_plain_text_is_its_utf_8(text: str) -> None:
    assert raw_body(wrapped(event("POST", body=text))) == text.encode()
