"""Make the addresses of videos and pictures, when an answer is written.

No address is stored for the feed. A changed base, or a playback id that was replaced, shows in the
next answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from functions.feed_ranker.feed.playback_tokens import PlaybackTokens

# The audience of a token says what it opens: https://www.mux.com/docs/guides/secure-video-playback
_VIDEO: Final = "v"
_THUMBNAIL: Final = "t"
_STORYBOARD: Final = "s"


@dataclass(frozen=True, slots=True)
class PlaybackUrls:
    """Make addresses.

    Attributes:
        stream: Where playlists are served.
        image: Where thumbnails and storyboards are served.
        tokens: Signs the addresses of videos with a signed policy; None where no key is set.
    """

    stream: str
    image: str
    tokens: PlaybackTokens | None = None

    def of(self, content: dict[str, Any], now_s: float) -> dict[str, str]:
        """Make the addresses of one post's video.

        Args:
            content: The post's content, with `playback_id` and `signed`.
            now_s: The present time in Unix seconds, from which tokens expire.

        Returns:
            `hls_url` and `thumbnail_url`; of a signed video also `storyboard_url`, because a client
            cannot make its token.
        """
        playback_id = content["playback_id"]
        hls_url = f"{self.stream.rstrip('/')}/{playback_id}.m3u8"
        picture = f"{self.image.rstrip('/')}/{playback_id}"
        if not content.get("signed"):
            return {"hls_url": hls_url, "thumbnail_url": f"{picture}/thumbnail.webp"}

        def token(audience: str) -> str:
            return (
                f"?token={self.tokens.token(playback_id, audience, now_s)}" if self.tokens else ""
            )

        return {
            "hls_url": hls_url + token(_VIDEO),
            "thumbnail_url": f"{picture}/thumbnail.webp" + token(_THUMBNAIL),
            "storyboard_url": f"{picture}/storyboard.vtt" + token(_STORYBOARD),
        }
