import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.mux.api.paging import cursor_page, numbered_page
from local.mux.errors import InvalidParametersError
from local.mux.records import Json


def items(names: str) -> list[Json]:
    return [{"id": name} for name in names]


def walk(found: list[Json], order: list[str], limit: int) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        page, cursor = cursor_page(query, found, order)
        seen += [item["id"] for item in page]
        if cursor is None:
            return seen


def test_a_list_is_cut_into_numbered_pages() -> None:
    assert numbered_page({"limit": "2", "page": "2"}, items("abcde")) == items("cd")
    assert numbered_page({"limit": "2", "page": "4"}, items("abcde")) == []
    assert len(numbered_page({}, items("a" * 30))) == 25


def test_the_cursor_of_a_page_leads_to_the_next_one_until_there_is_none() -> None:
    page, cursor = cursor_page({"limit": "2"}, items("abc"), list("abc"))
    assert (page, cursor is None) == (items("ab"), False)
    assert cursor_page({"limit": "2", "cursor": cursor or ""}, items("abc"), list("abc")) == (
        items("c"),
        None,
    )


def test_a_page_that_is_just_full_has_no_next_one() -> None:
    assert cursor_page({"limit": "3"}, items("abc"), list("abc")) == (items("abc"), None)


def test_a_cursor_holds_though_its_item_is_gone_and_others_have_come() -> None:
    _, cursor = cursor_page({"limit": "2"}, items("abcd"), list("abcd"))
    query = {"limit": "9", "cursor": cursor or ""}
    assert cursor_page(query, items("xacd"), list("xabcd")) == (items("cd"), None)


@given(st.integers(0, 30), st.integers(1, 9))
def test_cursors_list_each_item_once(count: int, limit: int) -> None:
    order = [str(n) for n in range(count)]
    assert walk([{"id": key} for key in order], order, limit) == order


@pytest.mark.parametrize(
    "query",
    [
        *({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"page": "0"}),
        *({"cursor": "x"}, {"cursor": "é"}, {"cursor": "bm9uZQ=="}),
    ],
)
def test_other_queries_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidParametersError):
        cursor_page(query, items("abc"), list("abc"))
