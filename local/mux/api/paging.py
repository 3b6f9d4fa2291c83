"""Cut lists into pages, by number or by cursor."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from local.mux.errors import InvalidParametersError
from local.mux.records import Json

DEFAULT_LIMIT = 25
MAX_LIMIT = 100


def numbered_page(query: Mapping[str, str], found: list[Json]) -> list[Json]:
    """Return the page that `limit` (25, at most 100) and `page` (from 1) ask for.

    Raises:
        InvalidParametersError: `limit` or `page` is invalid.
    """
    limit, page = _numbers(query)
    return found[(page - 1) * limit : page * limit]


def cursor_page(
    query: Mapping[str, str], found: list[Json], order: list[str]
) -> tuple[list[Json], str | None]:
    """Return a page, and the cursor of the next page. The cursor is None on the last page.

    A cursor names the last item of a page. Items that are added or deleted meanwhile therefore
    neither repeat others nor hide them.

    Args:
        query: The query of the request: `limit`, `page` and `cursor`.
        found: The items to list, in their order.
        order: The ids of all items that ever were, in the same order.

    Raises:
        InvalidParametersError: `limit`, `page` or `cursor` is invalid.
    """
    limit, page = _numbers(query)
    start = (page - 1) * limit
    if cursor := query.get("cursor"):
        earlier = set(order[: order.index(_read_cursor(cursor, order)) + 1])
        start = sum(item["id"] in earlier for item in found)
    shown = found[start : start + limit]
    more = start + limit < len(found)
    return shown, urlsafe_b64encode(shown[-1]["id"].encode()).decode() if more else None


def _read_cursor(cursor: str, order: list[str]) -> str:
    try:
        last = urlsafe_b64decode(cursor.encode()).decode()
    except ValueError:
        last = ""
    if last not in order:
        raise InvalidParametersError("cursor must be the next_cursor of an earlier page")
    return last


def _numbers(query: Mapping[str, str]) -> tuple[int, int]:
    try:
        limit, page = int(query.get("limit", DEFAULT_LIMIT)), int(query.get("page", 1))
    except ValueError as error:
        raise InvalidParametersError("limit and page must be whole numbers") from error
    if not 1 <= limit <= MAX_LIMIT or page < 1:
        raise InvalidParametersError(f"limit must be 1 to {MAX_LIMIT}, and page at least 1")
    return limit, page
