from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flags import FEED_FLAG, Flag, Flags, place, read
from shared.ranking_config import Weights
from shared.variants import CHRONOLOGICAL, CONTROL, Policy

BASE = Policy(exploration_rate=0.1)
WEIGHTS = {"engagement": 0.7, "freshness": 0.1, "context": 0.1, "diversity": 0.1}
BOOST = {"variant": "engagement_boost"}
VIEWERS = [UUID(int=n * 7_919 + 1) for n in range(4_000)]


def flags(*rows: Flag) -> Flags:
    return read(rows, BASE)


def experiment(metadata: Any, *, name: str = "test", percentage: int = 100) -> Flag:  # noqa: ANN401  # as JSON comes
    return Flag(name, True, percentage, metadata)


def shares(known: Flags) -> dict[str, float]:
    variants = [known.decide(viewer).policy.variant for viewer in VIEWERS]
    return {variant: variants.count(variant) / len(variants) for variant in set(variants)}


def test_without_flags_everybody_has_the_base_policy() -> None:
    assert shares(flags()) == {CONTROL: 1.0}
    assert flags().decide(VIEWERS[0]).policy == BASE


@given(st.uuids(), st.integers(0, 100), st.integers(0, 100))
def test_a_growing_percentage_takes_nobody_out(viewer: UUID, first: int, second: int) -> None:
    low, high = sorted((first, second))
    for name, metadata in ((FEED_FLAG, {}), ("test", BOOST)):
        before = flags(Flag(name, True, low, metadata)).decide(viewer).policy.variant
        after = flags(Flag(name, True, high, metadata)).decide(viewer).policy.variant
        assert before == after or before in {CHRONOLOGICAL, CONTROL}


@given(st.uuids(), st.integers(1, 100), st.integers(1, 100))
def test_a_viewer_keeps_their_arm_as_the_percentage_grows(
    viewer: UUID, first: int, second: int
) -> None:
    low, high = sorted((first, second))
    metadata = {
        "variants": [
            {"variant": "a", "share": 0.5, "weights": WEIGHTS},
            {"variant": "b", "share": 0.5, "weights": WEIGHTS},
        ]
    }
    before = flags(experiment(metadata, percentage=low)).decide(viewer).policy.variant
    after = flags(experiment(metadata, percentage=high)).decide(viewer).policy.variant
    assert before in {after, CONTROL}


@pytest.mark.parametrize("percentage", [0, 1, 25, 99, 100])
def test_as_many_are_in_as_the_percentage_says(percentage: int) -> None:
    known = flags(experiment(BOOST, percentage=percentage))
    assert shares(known).get("engagement_boost", 0.0) == pytest.approx(percentage / 100, abs=0.025)


def test_flags_divide_viewers_independently_of_one_another() -> None:
    both = sum(place("a", v) < 0.5 and place("b", v) < 0.5 for v in VIEWERS) / len(VIEWERS)
    assert both == pytest.approx(0.25, abs=0.03)
    assert place("a", VIEWERS[0]) != place("a", VIEWERS[0], b"arm")


def test_a_viewers_place_is_the_same_for_ever() -> None:
    viewer = UUID("11111111-1111-4111-8111-111111111111")
    assert place("feed_v2_enabled", viewer) == pytest.approx(0.9837535, abs=1e-6)


def test_the_feed_flag_off_gives_a_chronological_feed_and_on_a_ranked_one() -> None:
    assert shares(flags(Flag(FEED_FLAG, False, 100, {}))) == {CHRONOLOGICAL: 1.0}
    assert shares(flags(Flag(FEED_FLAG, True, 100, {}))) == {CONTROL: 1.0}
    policy = flags(Flag(FEED_FLAG, False, 100, {})).decide(VIEWERS[0]).policy
    assert (policy.chronological, policy.exploration_rate) == (True, 0.0)
    assert policy.weights == Weights(0.0, 1.0, 0.0, 0.0)


def test_a_viewer_without_the_ranked_feed_is_in_no_experiment() -> None:
    known = flags(Flag(FEED_FLAG, True, 50, {}), experiment(BOOST))
    assert shares(known).keys() == {CHRONOLOGICAL, "engagement_boost"}
    off = next(v for v in VIEWERS if known.decide(v).policy.chronological)
    assert known.decide(off).flags == {FEED_FLAG: "off"}


def test_the_printed_variant_changes_the_weights() -> None:
    policy = flags(experiment(BOOST)).decide(VIEWERS[0]).policy
    assert policy.variant == "engagement_boost"
    assert policy.weights.engagement > Weights().engagement


def test_an_experiment_may_bring_weights_and_parameters_of_its_own() -> None:
    metadata = {
        "variant": "mine",
        "weights": WEIGHTS,
        "parameters": {"exploration_rate": 0.2, "freshness_half_life_h": 12},
    }
    policy = flags(experiment(metadata)).decide(VIEWERS[0]).policy
    assert policy.weights == Weights(0.7, 0.1, 0.1, 0.1)
    assert policy.exploration_rate == 0.2
    assert policy.tuning == (("freshness_half_life_h", 12.0),)


def test_arms_get_their_shares_and_the_rest_is_control() -> None:
    metadata = {
        "variants": [
            {"variant": "a", "share": 0.25, "weights": WEIGHTS},
            {"variant": "engagement_boost", "share": 0.5},
        ]
    }
    expected = {"a": 0.25, "engagement_boost": 0.5, CONTROL: 0.25}
    assert shares(flags(experiment(metadata))) == pytest.approx(expected, abs=0.03)
    assert flags(experiment(metadata)).arms_of("test") == ["a", "engagement_boost"]


def test_the_first_flag_by_name_has_the_viewer() -> None:
    second = experiment({"variant": "mine", "weights": WEIGHTS}, name="b")
    first = experiment(BOOST, name="a", percentage=50)
    known = flags(second, first)
    assert shares(known) == pytest.approx({"engagement_boost": 0.5, "mine": 0.5}, abs=0.03)
    boosted = next(v for v in VIEWERS if known.decide(v).flags == {"a": "engagement_boost"})
    assert known.decide(boosted).policy.variant == "engagement_boost"


def test_the_expected_shares_are_those_that_viewers_have() -> None:
    known = flags(
        Flag(FEED_FLAG, True, 80, {}),
        experiment(BOOST, name="a", percentage=30),
        experiment(
            {"variants": [{"variant": "x", "share": 0.4, "weights": WEIGHTS}]},
            name="b",
            percentage=50,
        ),
    )
    expected = known.expected_shares()
    assert sum(expected.values()) == pytest.approx(1.0)
    assert shares(known) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    "metadata",
    [
        {"variant": "nobody_knows_it"},
        {"variant": None},
        {"variant": 7},
        {"variant": "Upper"},
        {"variant": ""},
        {"variant": "x" * 65, "weights": WEIGHTS},
        {"variant": "mine", "weights": {**WEIGHTS, "engagement": 0.8}},
        {"variant": "mine", "weights": {**WEIGHTS, "engagement": -0.7}},
        {"variant": "mine", "weights": {**WEIGHTS, "engagement": "0.7"}},
        {"variant": "mine", "weights": {**WEIGHTS, "luck": 0.0}},
        {"variant": "mine", "weights": {"engagement": 1.0}},
        {"variant": "mine", "weights": [0.4, 0.3, 0.2, 0.1]},
        {"variant": "mine", "parameters": {"exploration_rate": 1.5}},
        {"variant": "mine", "parameters": {"exploration_rate": True}},
        {"variant": "mine", "parameters": {"freshness_half_life_h": 0}},
        {"variant": "mine", "parameters": {"weights": 1}},
        {"variant": "mine", "parameters": {"no_such_thing": 1}},
        {"variant": "control", "weights": WEIGHTS},
        {"variant": "chronological", "weights": WEIGHTS},
        {"variant": "engagement_boost", "wieghts": WEIGHTS},
        {"variants": []},
        {"variants": [{"variant": "engagement_boost"}]},
        {"variants": [{"variant": "engagement_boost", "share": 0}]},
        {"variants": [{"variant": "engagement_boost", "share": 1.1}]},
        {"variants": [{"variant": "engagement_boost", "share": 0.5}] * 2},
        {
            "variants": [
                {"variant": "engagement_boost", "share": 0.6},
                {"variant": "control", "share": 0.6},
            ]
        },
        {"variant": "engagement_boost", "variants": []},
        {"weights": WEIGHTS},
        [],
        None,
        "engagement_boost",
    ],
)
def test_an_experiment_that_cannot_be_followed_is_control_and_says_why(metadata: object) -> None:
    known = flags(experiment(metadata))
    assert list(known.faults) == ["test"]
    assert known.faults["test"]
    assert known.decide(VIEWERS[0]).policy == BASE
    assert known.decide(VIEWERS[0]).flags == {"test": "invalid"}
    assert known.expected_shares() == {CONTROL: 1.0}


@pytest.mark.parametrize("metadata", [{}, {"owner": "somebody"}])
def test_a_flag_without_a_variant_is_none_of_the_feeds(metadata: object) -> None:
    known = flags(experiment(metadata))
    assert (known.faults, known.experiments) == ({}, ())


def test_a_flag_that_is_off_is_not_even_checked() -> None:
    known = flags(Flag("test", False, 100, {"variant": "broken"}), experiment([], percentage=0))
    assert (known.faults, known.experiments) == ({}, ())


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["variant", "variants", "share", "weights", "parameters", "x"]), inner
        )
    ),
    max_leaves=8,
)


@given(json, st.integers(0, 100), st.uuids())
def test_whatever_stands_in_metadata_a_viewer_has_a_policy(
    metadata: object, percentage: int, viewer: UUID
) -> None:
    decided = flags(experiment(metadata, percentage=percentage)).decide(viewer)
    assert decided.policy.variant
    assert 0.0 <= decided.policy.exploration_rate <= 1.0
