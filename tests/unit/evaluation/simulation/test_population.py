"""A world is drawn from its seed alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluation.simulation.population import TOP_TOPICS, TOPICS, populate
from evaluation.simulation.scale import SMALL, Scale, ScaleError


def test_the_same_seed_draws_the_same_world() -> None:
    first, second = populate(SMALL, 7), populate(SMALL, 7)
    assert [v.id for v in first.viewers] == [v.id for v in second.viewers]
    assert [(p.id, p.tags, p.published_s) for p in first.posts] == [
        (p.id, p.tags, p.published_s) for p in second.posts
    ]


def test_another_seed_draws_another_world() -> None:
    assert populate(SMALL, 7).viewers[0].id != populate(SMALL, 8).viewers[0].id


def test_posts_come_in_the_order_of_their_publication_and_viewers_of_their_arrival() -> None:
    world = populate(SMALL, 1)
    published = [p.published_s for p in world.posts]
    joined = [v.joined_s for v in world.viewers]
    assert published == sorted(published)
    assert joined == sorted(joined)
    assert len(published) == SMALL.posts_at_start + SMALL.posts_per_day * SMALL.days
    assert sum(at < 0 for at in published) == SMALL.posts_at_start


def test_a_taste_has_a_strongest_topic_and_lies_between_0_and_1() -> None:
    for viewer in populate(SMALL, 1).viewers:
        assert viewer.taste.shape == (TOPICS,)
        assert viewer.taste.max() == 1.0
        assert viewer.taste.min() >= 0.0
        assert len(viewer.top_topics) == TOP_TOPICS
        assert viewer.taste[viewer.top_topics[0]] == 1.0


def test_what_a_post_is_about_sums_to_one_and_its_main_topic_is_the_largest() -> None:
    for post in populate(SMALL, 1).posts:
        assert np.isclose(post.topics.sum(), 1.0)
        assert post.topics[post.topic] == post.topics.max()
        assert post.tags


def test_most_tags_tell_of_the_posts_topics() -> None:
    posts = populate(Scale(), 1).posts
    telling = [post.topics[int(tag[1:3])] > 0 for post in posts for tag in post.tags]
    assert 0.8 < np.mean(telling) < 0.95


def test_sizes_are_read_from_the_environment() -> None:
    scale = Scale.from_environment({"VIEWERS": "9", "DAYS": "2", "PATH": "/bin"})
    assert (scale.viewers, scale.days, scale.creators) == (9, 2, Scale().creators)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_size_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(ScaleError, match="VIEWERS"):
        Scale.from_environment({"VIEWERS": text})


def test_half_of_the_posts_may_bear_no_tags_and_nothing_else_of_the_world_changes() -> None:
    full, bare = populate(SMALL, 1), populate(replace(SMALL, untagged_percent=50), 1)
    untagged = [post for post in bare.posts if not post.tags]
    assert 0.3 < len(untagged) / len(bare.posts) < 0.7
    tagged = {post.id: post.tags for post in full.posts}
    assert all(f" {tagged[post.id][0]}, " in post.caption for post in untagged)
    assert [(p.id, p.quality, p.caption) for p in bare.posts] == [
        (p.id, p.quality, p.caption) for p in full.posts
    ]
    assert [v.id for v in bare.viewers] == [v.id for v in full.viewers]
