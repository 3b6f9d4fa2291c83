"""The words of made-up posts, which are topics with their tags, subjects and captions."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random


class Topic(NamedTuple):
    """A topic of videos. Every video has its first tag, and some have others."""

    tags: tuple[str, ...]
    emoji: str
    subjects: tuple[str, ...]


# The commonest topic stands first.
TOPICS = (
    Topic(
        ("food", "recipes", "streetfood", "baking"),
        "🍜🌮🥘🔥",
        ("chili oil noodles", "one-pan dal", "my grandmother's flatbread", "smash burgers"),
    ),
    Topic(
        ("comedy", "skit", "relatable"),
        "😂💀🙃",
        ("meetings that could have been a text", "my landlord", "calling customer support"),
    ),
    Topic(
        ("music", "livemusic", "cover"),
        "🎸🎧🎹",
        ("a bass line I can't stop playing", "our first rehearsal", "a lo-fi loop in 7/8"),
    ),
    Topic(
        ("pets", "dogs", "cats"),
        "🐶🐱🐾",
        ("the cat versus the printer", "our rescue's first snow", "a very dramatic parrot"),
    ),
    Topic(
        ("travel", "hiking", "citywalk"),
        "🏔️🚆🌅",
        ("the night train to Lisbon", "a village with 40 people", "sunrise above the clouds"),
    ),
    Topic(
        ("fitness", "running", "yoga"),
        "💪🏃🧘",
        ("week 6 of couch to half marathon", "the plank nobody warns you about", "hip mobility"),
    ),
    Topic(
        ("diy", "woodworking", "repair"),
        "🔨🪚🧰",
        ("a table from pallet wood", "a radio from 1954", "the drawer that always sticks"),
    ),
    Topic(
        ("gaming", "speedrun", "indiegames"),
        "🎮👾🏆",
        ("the skip everybody missed", "my first boss design", "a no-hit run"),
    ),
    Topic(
        ("fashion", "thrift", "sewing"),
        "🧵👗🧥",
        ("a thrifted coat", "jeans that finally fit", "one skirt, five outfits"),
    ),
    Topic(
        ("science", "space", "chemistry"),
        "🔭🧪🌌",
        ("why ice floats", "Saturn through a 90 € telescope", "the reaction that changes its mind"),
    ),
    Topic(
        ("football", "basketball", "skateboarding"),
        "⚽🏀🛹",
        ("the goal from our own half", "a kickflip after 214 tries", "Sunday league at its best"),
    ),
    Topic(
        ("beauty", "skincare", "hair"),
        "💄✨💇",
        ("curls without heat", "a routine with three products", "bridal make-up in a van"),
    ),
    Topic(
        ("art", "drawing", "pottery"),
        "🎨🖌️🏺",
        ("a mural for the school", "glazing with ash", "100 days of sketching strangers"),
    ),
    Topic(
        ("garden", "plants", "balcony"),
        "🌱🍅🌻",
        ("tomatoes on the 7th floor", "a fig from a cutting", "compost that doesn't smell"),
    ),
    Topic(
        ("learning", "languages", "history"),
        "📚🗺️🧠",
        ("verbs of motion", "the map that was wrong for 200 years", "flashcards that work"),
    ),
)
COMMONEST = 0.19  # the share of videos that have the commonest tag
_DECLINE = 0.6  # the Zipf exponent of the other topics

CAPTIONS = (
    "{subject}",
    "{subject}, part {n}",
    "POV: {subject}",
    "Nobody asked, but: {subject}",
    "Day {n} of {subject}",
    "wait for it… {subject}",
    "{subject} in under {n} minutes",
    "I was not ready for {subject}",
    "Things I'd tell my younger self about {subject}",
    "{subject}. That's it, that's the video",
)
# These are whole captions in other languages, some of them written from right to left.
ELSEWHERE = (
    "أول مرة أجرّب هذه الوصفة 😍",
    "غروب الشمس في مسقط",
    "היום הראשון שלי בסטודיו",
    "החתול שלי לא מאמין לי 😹",
    "یک روز در بازار تبریز",
    "آج کی چائے، کل کی باتیں ☕",
    "朝ごはんを5分で作る 🍳",
    "三分钟学会一道菜",
    "처음 만든 김치 🌶️",
    "घर की पहली बारिश 🌧️",
    "Receta de la abuela, sin secretos",
    "O gol mais bonito do bairro ⚽",
    "Wie man Brot backt, ohne zu kneten",
    "Как я починил дедушкино радио",
    "Hôm nay ăn gì? 🍲",
    "Mutfakta 10 dakika",
)
_ELSEWHERE = 0.12
_BARE = 0.03  # the share of videos without a caption
_EMOJI = 0.35
_SECOND_TAG, _FURTHER_TAGS = 0.45, 0.2


class Words:
    """Draws captions and tags.

    Args:
        rng: The source of all draws.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        others = [place**-_DECLINE for place in range(1, len(TOPICS))]
        share = (1.0 - COMMONEST) / sum(others)
        self._cumulative = list(accumulate((COMMONEST, *(share * weight for weight in others))))

    def topic(self) -> Topic:
        """Draw a topic. The commonest is drawn in 19 % of cases, the others ever less often."""
        return self._rng.choices(TOPICS, cum_weights=self._cumulative)[0]

    def tags(self, topic: Topic) -> list[str]:
        """Draw one to four tags of a topic."""
        first, second, *further = topic.tags
        drawn = [first]
        if self._rng.random() < _SECOND_TAG:
            drawn.append(second)
        return drawn + [tag for tag in further if self._rng.random() < _FURTHER_TAGS]

    def caption(self, topic: Topic) -> str:
        """Draw a caption. Some are empty, some are in other scripts, some have emoji."""
        rng = self._rng
        kind = rng.random()
        if kind < _BARE:
            return ""
        if kind < _BARE + _ELSEWHERE:
            return rng.choice(ELSEWHERE)
        subject = rng.choice(topic.subjects)
        text = rng.choice(CAPTIONS).format(subject=subject, n=rng.randint(2, 30))
        text = text[0].upper() + text[1:]
        return f"{text} {rng.choice(_emoji(topic))}" if rng.random() < _EMOJI else text


def _emoji(topic: Topic) -> list[str]:
    """Split the emoji of a topic. A variation selector stays with the emoji that it follows."""
    drawn: list[str] = []
    for character in topic.emoji:
        if character == "\ufe0f":
            drawn[-1] += character
        else:
            drawn.append(character)
    return drawn
