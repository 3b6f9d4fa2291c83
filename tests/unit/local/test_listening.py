from __future__ import annotations

import pytest

from local.errors import StackError
from local.services.parts import base_url, listen


@pytest.mark.parametrize(
    ("host", "reached"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("0.0.0.0", "127.0.0.1")],  # noqa: S104
)
def test_the_gateway_listens_where_it_is_told_and_this_machine_reaches_it(
    host: str, reached: str
) -> None:
    with listen(0, host) as listener:
        assert listener.getsockname()[0] == host
        assert base_url(listener) == f"http://{reached}:{listener.getsockname()[1]}"


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused_by_name(host: str) -> None:
    with pytest.raises(StackError, match=f"HOST={host}"):
        listen(0, host)
