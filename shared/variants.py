"""Variants: how posts are chosen, and what a flag's metadata may change of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.ranking_config import RankingConfig, Weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTROL: Final = "control"
CHRONOLOGICAL: Final = "chronological"

_TUNABLE: Final = frozenset(f.name for f in fields(RankingConfig) if f.type == "float")
_RATE: Final = "exploration_rate"


@dataclass(frozen=True, slots=True)
class Policy:
    """How a viewer's posts are chosen.

    Attributes:
        variant: Its name, as pages and impressions carry it.
        weights: Of the score's parts.
        exploration_rate: Share of positions drawn for discovery.
        chronological: Newest first, whatever the score.
        tuning: Further fields of RankingConfig that differ, with their values.
    """

    variant: str = CONTROL
    weights: Weights = field(default_factory=Weights)
    exploration_rate: float = 0.10
    chronological: bool = False
    tuning: tuple[tuple[str, float], ...] = ()

    def ranking(self, base: RankingConfig) -> RankingConfig:
        """Return `base` as this policy changes it, which most do not."""
        if not self.tuning and self.weights == base.weights:
            return base
        tuned: dict[str, Any] = dict(self.tuning)
        return replace(base, weights=self.weights, **tuned)


# What a flag may name without saying more. Engagement's boost takes from freshness and context, so
# that what is liked outlasts what is new.
_BUILT_IN: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        CONTROL: {},
        CHRONOLOGICAL: {
            "weights": Weights(0.0, 1.0, 0.0, 0.0),
            _RATE: 0.0,
            "chronological": True,
        },
        "engagement_boost": {"weights": Weights(0.60, 0.15, 0.15, 0.10)},
    }
)

_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Arm(BaseModel):
    """One arm of an experiment, as metadata describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    weights: dict[str, _Number] | None = None
    parameters: dict[str, _Number] | None = None

    def policy(self, base: Policy) -> Policy:
        """Return the arm's policy.

        Raises:
            ValueError: It names nothing known, or what it sets cannot be.
        """
        own = bool(self.weights or self.parameters)
        if own and self.variant in {CONTROL, CHRONOLOGICAL}:
            raise ValueError(f"{self.variant} takes neither weights nor parameters")
        if not own and self.variant not in _BUILT_IN:
            raise ValueError(f"no variant {self.variant!r} is built in, and it brings no weights")
        made = replace(base, variant=self.variant, **_BUILT_IN.get(self.variant, {}))
        tuning = dict(self.parameters or {})
        rate = tuning.pop(_RATE, made.exploration_rate)
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"{_RATE} must lie in [0, 1]")
        if unknown := tuning.keys() - _TUNABLE:
            raise ValueError(f"no such parameter: {', '.join(sorted(unknown))}")
        if self.weights is not None:
            if self.weights.keys() != {f.name for f in fields(Weights)}:
                raise ValueError("weights must name each part of the score, and nothing else")
            made = replace(made, weights=Weights(**self.weights))
        made = replace(made, exploration_rate=rate, tuning=tuple(sorted(tuning.items())))
        made.ranking(RankingConfig())  # raises where a value cannot be
        return made


class _Share(_Arm):
    share: Annotated[_Number, Field(gt=0, le=1)]


class _Metadata(BaseModel):
    """An experiment: one arm for all who are in, or several with their shares of those."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: str | None = None
    weights: Any = None
    parameters: Any = None
    variants: Annotated[list[_Share], Field(min_length=1, max_length=20)] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> _Metadata:
        if self.variants is not None:
            if (self.variant, self.weights, self.parameters) != (None, None, None):
                raise ValueError("either one variant or several, not both")
            names = [arm.variant for arm in self.variants]
            if len(set(names)) != len(names):
                raise ValueError("a variant stands twice")
            if sum(arm.share for arm in self.variants) > 1.0 + 1e-9:
                raise ValueError("shares sum to more than 1")
        return self

    def arms(self) -> Iterator[tuple[_Arm, float]]:
        """Give each arm with its share of those who are in."""
        if self.variants is None:
            given = {"weights": self.weights, "parameters": self.parameters}
            yield _Arm.model_validate({"variant": self.variant, **given}), 1.0
        else:
            for arm in self.variants:
                yield arm, arm.share


def parse(metadata: object, base: Policy) -> list[tuple[Policy, float]]:
    """Return the policies of an experiment's arms, each with its share of those who are in.

    Raises:
        ValueError: The metadata is of no such form, or names what is not known; saying what.
    """
    try:
        return [
            (arm.policy(base), share) for arm, share in _Metadata.model_validate(metadata).arms()
        ]
    except ValidationError as error:
        raise ValueError(_reason(error)) from None


def chronological(base: Policy) -> Policy:
    """Return the policy of a plain chronological feed."""
    return _Arm(variant=CHRONOLOGICAL).policy(base)


def is_experiment(metadata: object) -> bool:
    """Whether metadata wants to be an experiment's; any other flag is none of the feed's."""
    return not isinstance(metadata, dict) or not metadata.keys().isdisjoint(_Metadata.model_fields)


def _reason(error: ValidationError) -> str:
    return "; ".join(
        ".".join(map(str, fault["loc"])) + ": " + fault["msg"]
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    )
