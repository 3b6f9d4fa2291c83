from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from local.demo.display import Display, age, length
from local.demo.promises import Finding, Promise, Tally
from tests.unit.local.demo.building import entry, page


@pytest.fixture
def output() -> StringIO:
    return StringIO()


@pytest.fixture
def display(output: StringIO) -> Display:
    return Display(2, Console(file=output, width=172))


def test_a_page_shows_rung_score_parts_repeats_and_reasons(
    display: Display, output: StringIO
) -> None:
    entries = [entry(0, "fresh"), entry(1, "repeat")]
    display.page("Page 1", page(entries, degraded="inventory"), entries)
    text = output.getvalue()
    assert "Page 1 · cache hit · degraded: inventory" in text
    first, second = (line for line in text.splitlines() if "a caption" in line)
    assert first.split()[:7] == ["0", "fresh", "0.690", "0.80", "0.50", "0.60", "1.00"]
    assert "↻" not in first
    assert "↻" in second
    assert "seen_before, engagement, freshness, context, diversity" in second


@pytest.mark.parametrize("width", [80, 110])
def test_a_narrow_terminal_shows_all_of_it_too(output: StringIO, width: int) -> None:
    entries = [entry(0, "following", followed=True)]
    Display(1, Console(file=output, width=width)).page("Page 1", page(entries), entries)
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    for word in ("following", "0.690", "0.80", "0:20", "caption", "followed_", "diversity"):
        assert any(word in line for line in lines)


def test_markup_in_a_caption_stays_text(display: Display, output: StringIO) -> None:
    shown = page([entry(0)])
    shown = replace(shown, posts=(replace(shown.posts[0], caption="[red]\n[/nobody]"),))
    display.page("Page 1", shown, [entry(0)])
    assert "[red] [/nobody]" in output.getvalue()


def test_a_page_that_postgres_does_not_keep_is_shown_without_parts(
    display: Display, output: StringIO
) -> None:
    display.page("Page 1", page([entry(0)]), [])
    assert "0.690" in output.getvalue()
    assert "0.80" not in output.getvalue()


def test_promises_are_shown_with_their_counts_and_what_failed(
    display: Display, output: StringIO
) -> None:
    tally = Tally()
    tally.add([Finding(Promise.RANKING, "in order", holds=True)] * 41)
    tally.add([Finding(Promise.RANKING, "in order", holds=False, detail="post 7 is wrong")])
    display.promises(tally)
    text = output.getvalue()
    (line,) = (line for line in text.splitlines() if "in order" in line and "42" in line)
    assert "4 Ranking" in line
    assert [cell.strip() for cell in line.split("│")[-3:-1]] == ["42", "1"]
    assert "✗ 4 Ranking: in order: post 7 is wrong" in text


def test_steps_are_plain_lines_where_there_is_no_terminal(
    display: Display, output: StringIO
) -> None:
    with display, display.step("The stack comes up"):
        display.say("Postgres …")
    lines = [line.strip() for line in output.getvalue().splitlines() if line.strip()]
    assert lines[:2] == ["▶ The stack comes up", "Postgres …"]
    assert lines[2].startswith("done in ")
    assert "\x1b" not in output.getvalue()


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "0:00"), (59_600, "1:00"), (125_000, "2:05"), (180_000, "3:00")]
)
def test_a_length_is_minutes_and_seconds(milliseconds: int, text: str) -> None:
    assert length(milliseconds) == text


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (timedelta(seconds=-1), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(delta: timedelta, text: str) -> None:
    assert age(delta) == text
