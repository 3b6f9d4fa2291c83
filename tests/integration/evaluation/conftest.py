"""A database in simulated time, and one small world that has run in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from evaluation.clock import install_clock
from evaluation.handler import Backend
from evaluation.simulation.behaviour import Behaviour
from evaluation.simulation.ours import Ours
from evaluation.simulation.population import Population, populate
from evaluation.simulation.scale import SMALL
from evaluation.simulation.tally import Tally
from evaluation.simulation.world import World
from local.services.aws import aws_environment

if TYPE_CHECKING:
    from evaluation.simulation.figures import Figures
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
        figures = ours.counted(tally.figures())
    return Lived(module_database, backend, population, figures)
