"""The client's own tests, on Node where it can be had."""

from __future__ import annotations

import pytest

from local.errors import StackError
from local.node import Node, find_node, install_packages, run_script


@pytest.fixture(scope="module")
def node() -> Node:
    found = find_node()
    if found is None:
        pytest.skip("there is no Node 20 on this machine (make client installs one)")
    try:
        install_packages(found)
    except StackError as error:
        pytest.skip(str(error))
    return found


def test_the_clients_own_tests_pass(node: Node) -> None:
    assert run_script(node, "test") == 0
