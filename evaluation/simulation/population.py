"""The viewers, creators and posts of a world, with everything that a feed cannot see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from evaluation.simulation.scale import DAY_S, Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOPICS = 16
TAGS_PER_TOPIC = 3
TOP_TOPICS = 3
_TAG_NOISE = 0.15  # the share of tags that say nothing about the post
_SECOND_TOPIC = 0.35  # the share of posts about two topics
_WORDS = tuple(a + b for a in ("mo", "ka", "ti", "se", "lu") for b in ("ran", "dol", "vik", "pem"))
_JUNK = 0.03  # the share of posts that nobody likes and some viewers report
_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
_DEVICES = ("phone", "tablet", "desktop", "tv")
_CONNECTIONS = ("wifi", "5g", "4g", "3g")


@dataclass(frozen=True, slots=True, eq=False)
class Viewer:
    """A viewer with their hidden taste.

    Attributes:
        id: The id that the feed knows.
        taste: How much they like each topic, in [0, 1]. The strongest is 1.
        later_taste: The taste towards which theirs moves, of the same kind.
        top_topics: Their strongest topics, in order from the strongest.
        log_seconds: The natural logarithm of the seconds that a clip should last for them.
        novelty: How much age spoils a post for them, in [0, 1].
        liking: A factor on the probability of a like. It also affects comments and shares.
        patience: The boredom at which they leave.
        sessions_per_day: The average number of sessions in a day.
        session_posts: The number of posts after which half of their sessions end at the latest.
        joined_s: The time at which they arrive.
        device: The device that they send.
        connection: The connection that they send.
        timezone: The time zone that they send.
    """

    id: UUID
    taste: NDArray[np.float64]
    later_taste: NDArray[np.float64]
    top_topics: tuple[int, ...]
    log_seconds: float
    novelty: float
    liking: float
    patience: float
    sessions_per_day: float
    session_posts: float
    joined_s: float
    device: str
    connection: str
    timezone: str


@dataclass(frozen=True, slots=True, eq=False)
class Post:
    """A post with its hidden quality.

    Attributes:
        id: The id that the feed knows.
        creator: The index of its creator.
        topics: The share of each topic. The shares sum to 1.
        topic: Its main topic.
        tags: The tags of its creator, which are a noisy view of its topics. Some have no tags.
        caption: A text that names one of its tags among words that say nothing. It does so even if
            there are no tags.
        quality: How good it is for those who like its topics, in [0, 1].
        junk: True where it is good for nobody.
        duration_ms: Its length in milliseconds.
        published_s: The time of publication. It is below 0 for posts that exist at the start.
    """

    id: UUID
    creator: int
    topics: NDArray[np.float64]
    topic: int
    tags: tuple[str, ...]
    caption: str
    quality: float
    junk: bool
    duration_ms: int
    published_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """The people and posts of one world. The same seed makes the same population.

    Attributes:
        seed: The seed of all draws.
        viewers: The viewers in the order of their arrival.
        creators: The ids of the creators.
        posts: The posts in the order of publication.
    """

    seed: int
    viewers: tuple[Viewer, ...]
    creators: tuple[UUID, ...]
    posts: tuple[Post, ...]


def populate(scale: Scale, seed: int) -> Population:
    """Draw the population of a world.

    Args:
        scale: The sizes of the world.
        seed: The seed of all draws.
    """
    rng = np.random.default_rng(seed)
    # Some topics are more popular than others, both with viewers and with creators.
    popularity = rng.dirichlet(np.full(TOPICS, 3.0))
    arrivals = np.sort(rng.uniform(0.0, scale.seconds * 2 / 3, scale.viewers))
    arrivals[: scale.viewers // 2] *= DAY_S / (scale.seconds * 2 / 3)
    viewers = tuple(_viewer(rng, popularity, float(at)) for at in np.sort(arrivals))
    creators = tuple(_id(rng) for _ in range(scale.creators))
    makers = [_Maker(rng, popularity) for _ in creators]
    output = np.array([maker.output for maker in makers])
    published = np.concatenate(
        (
            rng.uniform(-14 * DAY_S, 0.0, scale.posts_at_start),
            rng.uniform(0.0, scale.seconds, scale.posts_per_day * scale.days),
        )
    )
    by = rng.choice(scale.creators, size=len(published), p=output / output.sum())
    posts = tuple(
        makers[maker].post(rng, int(maker), float(at))
        for maker, at in zip(by, np.sort(published), strict=True)
    )
    # The following draws have a generator of their own, so that they change no other draw.
    apart = np.random.default_rng([seed, 1])
    later = [_taste(apart, popularity) for _ in viewers]
    untagged = apart.random(len(posts)) < scale.untagged_percent / 100
    fillers = apart.choice(_WORDS, (len(posts), 3))
    return Population(
        seed,
        tuple(replace(v, later_taste=taste) for v, taste in zip(viewers, later, strict=True)),
        creators,
        tuple(
            replace(post, tags=() if bare else post.tags, caption=_caption(post.tags[0], words))
            for post, bare, words in zip(posts, untagged, fillers, strict=True)
        ),
    )


class _Maker:
    """The hidden side of a creator, which is their topics and their quality."""

    def __init__(self, rng: np.random.Generator, popularity: NDArray[np.float64]) -> None:
        self.specialities = rng.choice(TOPICS, size=3, replace=False, p=popularity)
        self.quality = float(rng.beta(3.0, 3.0))
        self.output = float(rng.pareto(2.0) + 0.5)
        self.log_seconds = float(rng.normal(np.log(25.0), 0.5))

    def post(self, rng: np.random.Generator, index: int, published_s: float) -> Post:
        main = int(rng.choice(self.specialities, p=(0.7, 0.2, 0.1)))
        topics = np.zeros(TOPICS)
        topics[main] = 1.0
        if rng.random() < _SECOND_TOPIC:
            topics[main] = 0.65
            topics[int(rng.integers(TOPICS))] += 0.35
        junk = bool(rng.random() < _JUNK)
        quality = 0.05 if junk else 0.55 * self.quality + 0.45 * float(rng.beta(2.0, 2.0))
        seconds = float(np.clip(np.exp(rng.normal(self.log_seconds, 0.5)), 5.0, 180.0))
        identity, tags = _id(rng), _tags(rng, topics)
        return Post(
            id=identity,
            creator=index,
            topics=topics,
            topic=main,
            tags=tags,
            caption="",
            quality=quality,
            junk=junk,
            duration_ms=int(seconds * 1000),
            published_s=published_s,
        )


def _taste(rng: np.random.Generator, popularity: NDArray[np.float64]) -> NDArray[np.float64]:
    taste = rng.dirichlet(0.25 + 2.0 * popularity)
    scaled: NDArray[np.float64] = taste / taste.max()
    return scaled


def _viewer(rng: np.random.Generator, popularity: NDArray[np.float64], joined_s: float) -> Viewer:
    taste = _taste(rng, popularity)
    return Viewer(
        id=_id(rng),
        taste=taste,
        later_taste=taste,
        top_topics=tuple(int(t) for t in np.argsort(-taste, kind="stable")[:TOP_TOPICS]),
        log_seconds=float(rng.normal(np.log(25.0), 0.4)),
        novelty=float(rng.beta(1.5, 3.0)),
        liking=float(np.exp(rng.normal(0.0, 0.6))),
        patience=float(rng.uniform(6.0, 16.0)),
        sessions_per_day=float(rng.gamma(4.0, 0.15)),
        session_posts=float(np.exp(rng.normal(np.log(50.0), 0.4))),
        joined_s=joined_s,
        device=str(rng.choice(_DEVICES, p=(0.8, 0.08, 0.07, 0.05))),
        connection=str(rng.choice(_CONNECTIONS, p=(0.55, 0.15, 0.25, 0.05))),
        timezone=str(rng.choice(_ZONES)),
    )


def _tags(rng: np.random.Generator, topics: NDArray[np.float64]) -> tuple[str, ...]:
    tags = []
    for _ in range(int(rng.integers(2, 5))):
        noise = rng.random() < _TAG_NOISE
        topic = int(rng.integers(TOPICS)) if noise else int(rng.choice(TOPICS, p=topics))
        tags.append(f"t{topic:02}{'abc'[int(rng.integers(TAGS_PER_TOPIC))]}")
    return tuple(dict.fromkeys(tags))


def _caption(word: str, fillers: NDArray[np.str_]) -> str:
    before, between, after = fillers
    return f"The {before} of my {word}, {between} and {after}!"


def _id(rng: np.random.Generator) -> UUID:
    return UUID(bytes=rng.bytes(16), version=4)
