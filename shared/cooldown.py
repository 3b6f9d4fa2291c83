"""Which posts repeat, where they may stand, and what they are then called. Pure.

A post is a repeat where the viewer has an impression of it inside the cooldown, or where this
session has served it. Repeats fill only what unseen posts cannot. While the unseen inventory is
below the waterline, up to `max_repeats` of them a page are controlled repeats, which stand from
`first_repeat_position` on. What an exact fill needs beyond these is recycled, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.models import Rung


@dataclass(frozen=True, slots=True)
class CooldownRules:
    """Limits on repeats.

    Attributes:
        max_repeats: Controlled repeats per page.
        waterline: Unseen inventory below which they are allowed.
        first_repeat_position: The first position, from 0, at which one may stand.
    """

    max_repeats: int = 2
    waterline: int = 24
    first_repeat_position: int = 6


def label_repeats(
    first_position: int, count: int, inventory: int, rules: CooldownRules
) -> list[Rung]:
    """Return the rung of each of the `count` repeats that follow a page's unseen posts.

    Args:
        first_position: The page position of the first of them.
        count: How many there are, the longest ago first.
        inventory: Unseen posts that there were before this page.
        rules: The limits.

    Returns:
        `repeat` or `recycled` for each, in order.
    """
    allowed = rules.max_repeats if inventory < rules.waterline else 0
    labels = []
    for position in range(first_position, first_position + count):
        controlled = allowed > 0 and position >= rules.first_repeat_position
        labels.append(Rung.REPEAT if controlled else Rung.RECYCLED)
        allowed -= controlled
    return labels
