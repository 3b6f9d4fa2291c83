import pytest

from local.mux.fault_rules import seeded
from local.mux.state.mux_state import MuxState
from tests.unit.local.mux.states import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> MuxState:
    return MuxState(clock, seeded(1), "http://mux.test")
