"""A database in simulated time, and one small world that has run in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from local.services.aws import aws_environment
from simulation.behaviour import Behaviour
from simulation.clock import install_clock
from simulation.handler import Backend
from simulation.ours import Ours
from simulation.population import Population, populate
from simulation.scale import SMALL
from simulation.tally import Figures, Tally
from simulation.world import World

if TYPE_CHECKING:
    from tests.conftest import Database

SEED = 1


class Lived(NamedTuple):
    """A world that has run, and what is left of it."""

    database: Database
    backend: Backend
    population: Population
    figures: Figures


@pytest.fixture(scope="module")
def backend(
    module_database: Database, dynamodb_endpoint: str, module_session_table: str
) -> Backend:
    install_clock(module_database.admin_url)
    return Backend(
        admin_url=module_database.admin_url,
        app_url=module_database.app_url,
        dynamodb_endpoint_url=dynamodb_endpoint,
        session_table=module_session_table,
        environment=aws_environment(own_endpoint=True),
    )


@pytest.fixture(scope="module")
def lived(module_database: Database, backend: Backend) -> Lived:
    population = populate(SMALL, SEED)
    behaviour = Behaviour(population)
    tally = Tally(population, behaviour, SMALL)
    with Ours(population, SMALL, backend) as ours:
        World(population, behaviour, ours, SMALL, tally).run()
    return Lived(module_database, backend, population, tally.figures())
