"""The parameters of a request for a stream or a picture."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from local.mux.errors import InvalidParametersError


@dataclass(frozen=True)
class Parameters:
    """Parameters from the query, or from the claims of a token for a signed playback id.

    Attributes:
        values: The parameters by name.
        token: The token, which addresses within the answer need again. Empty without one.
    """

    values: Mapping[str, object]
    token: str = ""

    def number(self, name: str, default: float, most: float = math.inf) -> float:
        """Return a number between 0 and `most`.

        Raises:
            InvalidParametersError: The parameter is something else.
        """
        try:
            value = float(str(self.values.get(name, default)))
        except ValueError:
            value = math.nan
        if not 0 <= value <= most:
            raise InvalidParametersError(f"{name} must be a number from 0 to {most:g}")
        return value

    def span(self, duration: float) -> tuple[float, float]:
        """Return the part of the asset that the request is about, in seconds.

        Args:
            duration: The seconds of the asset.

        Raises:
            InvalidParametersError: The part is empty.
        """
        start = self.number("asset_start_time", 0)
        end = min(self.number("asset_end_time", duration), duration)
        if start >= end:
            raise InvalidParametersError("asset_start_time must be before asset_end_time")
        return start, end
