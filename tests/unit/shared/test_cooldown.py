from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cooldown import CooldownRules, label_repeats
from shared.models import Rung

REPEAT, RECYCLED = Rung.REPEAT, Rung.RECYCLED
rules_of_any_kind = st.builds(
    CooldownRules,
    max_repeats=st.integers(0, 6),
    waterline=st.integers(0, 40),
    first_repeat_position=st.integers(0, 12),
)


def test_the_limits_are_the_prescribed_ones_unless_others_are_given() -> None:
    assert CooldownRules() == CooldownRules(2, 24, 6)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 60), rules_of_any_kind)
def test_repeats_keep_to_the_limits_and_everything_else_is_called_recycled(
    first: int, count: int, inventory: int, rules: CooldownRules
) -> None:
    labels = label_repeats(first, count, inventory, rules)
    assert len(labels) == count
    assert set(labels) <= {REPEAT, RECYCLED}
    positions = [first + i for i, label in enumerate(labels) if label is REPEAT]
    late = range(max(first, rules.first_repeat_position), first + count)
    allowed = rules.max_repeats if inventory < rules.waterline else 0
    assert positions == list(late)[:allowed]


@pytest.mark.parametrize(("inventory", "label"), [(23, REPEAT), (24, RECYCLED)])
def test_a_controlled_repeat_needs_an_inventory_below_the_waterline(
    inventory: int, label: Rung
) -> None:
    assert label_repeats(6, 1, inventory, CooldownRules()) == [label]


def test_no_controlled_repeat_stands_before_position_6() -> None:
    labels = label_repeats(4, 5, 4, CooldownRules())
    assert labels == [RECYCLED, RECYCLED, REPEAT, REPEAT, RECYCLED]


def test_none_asked_none_labelled() -> None:
    assert label_repeats(12, 0, 0, CooldownRules()) == []
