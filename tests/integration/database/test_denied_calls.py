import uuid

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from tests.conftest import Database
from tests.integration.database.clients import claiming, claims_of, operator
from tests.integration.database.policies import APP_CALLS, VIEWER_CALLS, WEBHOOK_CALLS
from tests.integration.database.strangers import BROKEN, OTHER, STRANGERS, VICTIM

POST = uuid.uuid4()
TELLS_ALL_THE_SAME = ["feed_schema_version"]  # two numbers that stand in the repository
PARAMETERS = {"viewer": VICTIM, "post": POST}


@pytest.fixture(scope="module")
def published(module_database: Database) -> Database:
    """A database with a post of the victim's."""
    with operator(module_database.admin_url) as connection:
        connection.execute(
            "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id)"
            " VALUES (%s, %s, true, 'p')",
            [POST, VICTIM],
        )
    return module_database


@pytest.mark.parametrize(
    ("role", "listed"),
    [("vroom_app", VIEWER_CALLS | APP_CALLS), ("vroom_webhook", WEBHOOK_CALLS)],
)
def test_every_function_that_a_role_may_call_has_its_denial_tests(
    published: Database, role: str, listed: dict[str, str]
) -> None:
    with operator(published.admin_url) as connection:
        found = connection.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND has_function_privilege(%s, oid, 'EXECUTE')",
            [role],
        ).fetchall()
    assert sorted(row["proname"] for row in found) == sorted([*listed, *TELLS_ALL_THE_SAME])


@pytest.mark.parametrize("function", APP_CALLS)
def test_what_acts_for_no_viewer_is_the_functions_alone(published: Database, function: str) -> None:
    with claiming(published.app_url, None) as connection:
        connection.execute(APP_CALLS[function])
    with (
        claiming(published.webhook_url, None) as connection,
        pytest.raises(InsufficientPrivilege),
    ):
        connection.execute(APP_CALLS[function])


@pytest.mark.parametrize("function", APP_CALLS)
def test_what_acts_for_no_viewer_is_at_no_viewers_call(published: Database, function: str) -> None:
    with (
        claiming(published.app_url, claims_of(OTHER)) as connection,
        pytest.raises(InsufficientPrivilege, match="not done for a viewer"),
    ):
        connection.execute(APP_CALLS[function])


@pytest.mark.parametrize("function", VIEWER_CALLS)
def test_a_viewer_may_call_it_for_themselves(published: Database, function: str) -> None:
    with claiming(published.app_url, claims_of(VICTIM)) as connection:
        connection.execute(VIEWER_CALLS[function], PARAMETERS)


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("function", VIEWER_CALLS)
def test_nobody_calls_it_for_another_viewer(
    published: Database, function: str, stranger: str
) -> None:
    with (
        claiming(published.app_url, STRANGERS[stranger]) as connection,
        pytest.raises(InsufficientPrivilege, match="do not name this viewer"),
    ):
        connection.execute(VIEWER_CALLS[function], PARAMETERS)


@pytest.mark.parametrize("claims", BROKEN)
@pytest.mark.parametrize("function", VIEWER_CALLS)
def test_broken_claims_open_no_function(published: Database, function: str, claims: str) -> None:
    with (
        claiming(published.app_url, BROKEN[claims]) as connection,
        pytest.raises(psycopg.errors.InvalidTextRepresentation),
    ):
        connection.execute(VIEWER_CALLS[function], PARAMETERS)


@pytest.mark.parametrize("claims", [None, claims_of(OTHER)], ids=["none", "another"])
@pytest.mark.parametrize("function", VIEWER_CALLS)
def test_nobody_calls_it_for_no_viewer(
    published: Database, function: str, claims: str | None
) -> None:
    with (
        claiming(published.app_url, claims) as connection,
        pytest.raises(psycopg.errors.NullValueNotAllowed),
    ):
        connection.execute(VIEWER_CALLS[function], {"viewer": None, "post": POST})


@pytest.mark.parametrize("function", VIEWER_CALLS)
def test_the_webhooks_role_calls_nothing_for_viewers(published: Database, function: str) -> None:
    for claims in (None, claims_of(VICTIM)):
        with (
            claiming(published.webhook_url, claims) as connection,
            pytest.raises(InsufficientPrivilege, match="permission denied for function"),
        ):
            connection.execute(VIEWER_CALLS[function], PARAMETERS)


@pytest.mark.parametrize("function", WEBHOOK_CALLS)
def test_only_the_webhooks_role_takes_in_what_mux_says(published: Database, function: str) -> None:
    with claiming(published.webhook_url, None) as connection:
        connection.execute(WEBHOOK_CALLS[function])
    for claims in (None, claims_of(VICTIM), claims_of(VICTIM, role="service_role")):
        with (
            claiming(published.app_url, claims) as connection,
            pytest.raises(InsufficientPrivilege, match="permission denied for function"),
        ):
            connection.execute(WEBHOOK_CALLS[function])


@pytest.mark.parametrize("function", VIEWER_CALLS)
def test_an_operator_needs_no_claims_but_is_held_to_those_they_bring(
    published: Database, function: str
) -> None:
    with claiming(published.admin_url, None) as connection:
        connection.execute(VIEWER_CALLS[function], PARAMETERS)
    with (
        claiming(published.admin_url, claims_of(OTHER)) as connection,
        pytest.raises(InsufficientPrivilege),
    ):
        connection.execute(VIEWER_CALLS[function], PARAMETERS)


def test_a_viewer_neither_reads_nor_touches_another_viewers_upload(published: Database) -> None:
    post = uuid.uuid4()
    with operator(published.admin_url) as connection:
        connection.execute(
            "SELECT begin_upload(%s, %s, '', '{}', 1, 1, '1080p', 1, 60, 5)", [VICTIM, post]
        )
        with claiming(published.app_url, claims_of(OTHER)) as stranger:
            asked = {"viewer": OTHER, "post": post}
            for function in ("upload_state", "confirm_upload"):
                stranger.execute(VIEWER_CALLS[function], asked)
            for text in (
                "SELECT state FROM upload_state(%(viewer)s, %(post)s)",
                "SELECT state FROM cancel_upload(%(viewer)s, %(post)s)",
                "SELECT 1 FROM confirm_upload(%(viewer)s, %(post)s, 'theirs') c WHERE c",
            ):
                assert stranger.execute(text, asked).fetchall() == []
            stranger.execute("SELECT abandon_upload(%(viewer)s, %(post)s, true)", asked)
            # Taking the id over would be refused by the key, not by chance.
            with pytest.raises(psycopg.errors.UniqueViolation):
                stranger.execute(
                    "SELECT begin_upload(%(viewer)s, %(post)s, '', '{}', 1, 1, '1080p', 1, 60, 5)",
                    asked,
                )
        kept = connection.execute(
            "SELECT u.state, u.mux_upload_id, p.creator_id FROM uploads u"
            " JOIN posts p ON p.id = u.post_id WHERE u.post_id = %s",
            [post],
        ).fetchall()
    assert kept == [{"state": "waiting", "mux_upload_id": None, "creator_id": VICTIM}]
