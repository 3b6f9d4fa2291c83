from dataclasses import dataclass

import pytest
from pydantic import ValidationError

from local.mux.api.faults import ApiFault, ApiFaults
from local.mux.api.limits import Limits
from local.mux.fault_rules import seeded
from local.mux.settings import Tunables


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_fault_is_about_its_method_and_path_and_wears_off() -> None:
    faults = ApiFaults(seeded(1))
    faults.rules.append(ApiFault(kind="status", method="POST", path="/video/v1/assets", count=1))
    assert faults.find("GET", "/video/v1/assets") is None
    assert faults.find("POST", "/video/v1/uploads") is None
    assert faults.find("POST", "/video/v1/assets") is faults.rules[0]
    assert faults.find("POST", "/video/v1/assets") is None


def test_unknown_faults_are_refused() -> None:
    for rule in ({"kind": "melt"}, {"kind": "status", "status": 200}, {"kind": "cut", "x": 1}):
        with pytest.raises(ValidationError):
            ApiFault.model_validate(rule)


def test_posts_are_limited_to_a_burst_and_then_one_a_second() -> None:
    clock = Clock()
    limits = Limits(clock, Tunables())
    assert [limits.allow("POST") for _ in range(7)] == [True] * 5 + [False] * 2
    clock.now += 0.9
    assert not limits.allow("POST")
    clock.now += 0.2
    assert limits.allow("POST")
    assert not limits.allow("POST")


def test_other_verbs_share_a_larger_bucket_of_their_own() -> None:
    clock = Clock()
    limits = Limits(clock, Tunables())
    assert sum(limits.allow(verb) for verb in ["GET", "DELETE", "PUT"] * 10) == 15
    assert limits.allow("POST")
    clock.now += 1
    assert sum(limits.allow("GET") for _ in range(10)) == 5


def test_a_long_rest_fills_the_bucket_no_further_than_the_burst() -> None:
    clock = Clock()
    limits = Limits(clock, Tunables())
    limits.allow("POST")
    clock.now += 3600
    assert sum(limits.allow("POST") for _ in range(20)) == 5


def test_a_rate_of_nought_is_no_limit() -> None:
    limits = Limits(Clock(), Tunables(post_rate=0, other_rate=0))
    assert all(limits.allow(verb) for verb in ["POST", "GET"] * 200)


def test_failures_are_counted_down() -> None:
    tunables = Tunables(fail_clips=1)
    assert [tunables.take("fail_clips") for _ in range(2)] == [True, False]
