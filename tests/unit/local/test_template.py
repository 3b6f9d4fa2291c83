from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.errors import StackError
from local.gateway.template import Route, load_template
from local.paths import TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = {
    ("GET", "/v1/feed"): "feed_ranker",
    ("POST", "/v1/impressions"): "feed_ranker",
    ("POST", "/v1/sessions"): "feed_ranker",
    ("POST", "/v1/watch-progress"): "feed_ranker",
    ("POST", "/v1/feedback"): "feed_ranker",
    ("GET", "/v1/me/data"): "feed_ranker",
    ("DELETE", "/v1/me"): "feed_ranker",
    ("DELETE", "/v1/me/history"): "feed_ranker",
    ("POST", "/v1/uploads"): "create_upload",
    ("GET", "/v1/uploads/{post_id}"): "create_upload",
    ("DELETE", "/v1/uploads/{post_id}"): "create_upload",
    ("POST", "/v1/webhooks/mux"): "mux_webhook",
}


def test_the_template_has_exactly_the_routes_that_are_promised() -> None:
    template = load_template(TEMPLATE, {})
    routes = {(r.method, r.path): template.functions[r.function].name for r in template.routes}
    assert routes == CONTRACT


def test_only_the_webhook_does_without_the_authorizer() -> None:
    template = load_template(TEMPLATE, {})
    assert [r.path for r in template.routes if not r.authorized] == ["/v1/webhooks/mux"]


def test_references_get_the_values_of_the_parameters() -> None:
    values = {"JwtIssuer": "https://issuer", "JwtAudience": "viewers", "SessionTable": "sessions"}
    template = load_template(TEMPLATE, values)
    assert (template.issuer, template.audiences) == ("https://issuer", ("viewers",))
    ranker = template.functions["FeedRankerFunction"]
    assert ranker.environment["SESSION_TABLE"] == "sessions"
    assert ranker.environment["DATABASE_URL_SECRET_ARN"] is None


def test_a_function_gets_the_globals_where_it_says_nothing_itself() -> None:
    functions = load_template(TEMPLATE, {}).functions
    upload, ranker = functions["CreateUploadFunction"], functions["FeedRankerFunction"]
    assert (ranker.timeout_s, upload.timeout_s) == (60, 20)
    assert (upload.memory_mb, ranker.memory_mb) == (512, 1024)
    assert upload.environment["POWERTOOLS_METRICS_NAMESPACE"] == "VroomFeed"


def test_the_table_has_the_keys_and_the_expiry_that_are_promised() -> None:
    (table,) = load_template(TEMPLATE, {}).tables.values()
    assert {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]} == {
        "pk": "HASH",
        "sk": "RANGE",
    }
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/uploads/7", {"post_id": "7"}),
        ("/v1/uploads/a b", {"post_id": "a b"}),
        ("/v1/uploads/a\nb", {"post_id": "a\nb"}),
        ("/v1/uploads/", None),
        ("/v1/uploads/7/8", None),
        ("/v1/uploads", None),
        ("/V1/uploads/7", None),
    ],
)
def test_a_placeholder_takes_one_segment(path: str, expected: dict[str, str] | None) -> None:
    route = Route("GET", "/v1/uploads/{post_id}", "F", authorized=True)
    assert route.match("GET", path) == expected


def test_a_greedy_placeholder_takes_the_rest_and_any_takes_every_method() -> None:
    route = Route("ANY", "/files/{rest+}", "F", authorized=True)
    assert route.match("PATCH", "/files/a/b") == {"rest": "a/b"}
    assert route.match("PATCH", "/files/") is None


def test_the_more_specific_route_goes_first(tmp_path: Path) -> None:
    events = "".join(
        f"        E{index}: {{Type: HttpApi, Properties: {{Method: {method}, Path: '{path}'}}}}\n"
        for index, (method, path) in enumerate(
            [("ANY", "/{rest+}"), ("GET", "/a/{b}"), ("ANY", "/a/b"), ("GET", "/a/b")]
        )
    )
    file = tmp_path / "template.yaml"
    file.write_text(
        "Resources:\n"
        "  Api: {Type: AWS::Serverless::HttpApi}\n"
        "  F:\n    Type: AWS::Serverless::Function\n"
        f"    Properties:\n      Handler: functions.f.app.h\n      Events:\n{events}"
    )
    template = load_template(file, {})
    found = [template.match(*r) for r in [("GET", "/a/b"), ("PUT", "/a/b"), ("GET", "/a/c")]]
    assert [f[0].key for f in found if f] == ["GET /a/b", "ANY /a/b", "GET /a/{b}"]
    assert not any(route.authorized for route in template.routes)


@pytest.mark.parametrize("text", ["", "[]", "Resources: {}", "Resources: {F: {Type: 3}}"])
def test_what_is_no_template_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(text)
    with pytest.raises(StackError, match=r"template\.yaml can't be used"):
        load_template(file, {})
