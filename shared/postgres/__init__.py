"""Postgres access: the statements of one viewer, sent together, within a time budget."""

from psycopg.types.json import Jsonb as Json

from shared.postgres.client import OptionalWork, Postgres
from shared.postgres.schema import SCHEMA_VERSION, SchemaMismatchError
from shared.postgres.statement import Database, Statement
from shared.postgres.url import DatabaseUrl

__all__ = [
    "SCHEMA_VERSION",
    "Database",
    "DatabaseUrl",
    "Json",
    "OptionalWork",
    "Postgres",
    "SchemaMismatchError",
    "Statement",
]
