"""Which variables each function gets locally: the template's, with local values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.gateway.template import Function, Template

# Of the local stack itself; they mean nothing, or something else, to a function.
STACK_SETTINGS = {
    "PORT",
    "STATE_DIR",
    "SEED_POSTS",
    "DATABASE_URL",
    "DYNAMODB_ENDPOINT_URL",
    "SESSION_TABLE",
    "RUNTIME",
    "ARTIFACTS_CACHE",
    "WARM",
    "HOST",
    "CORS_ORIGINS",
    "POOLER",
    "CELLS",
}


def setting_names(variable: str) -> tuple[str, ...]:
    """The settings that a variable of the template may give.

    A secret stands in the template as the ARN of its place: `DATABASE_URL` as
    `DATABASE_URL_SECRET_ARN`, `CURSOR_SECRET` as `CURSOR_SECRET_ARN`.
    """
    if not variable.endswith("_SECRET_ARN"):
        return (variable,)
    return (variable.removesuffix("_ARN"), variable.removesuffix("_SECRET_ARN"))


def function_environment(
    function: Function, given: Mapping[str, str], local: Mapping[str, str]
) -> dict[str, str]:
    """The variables of a function.

    Args:
        function: as the template defines it.
        given: settings of the environment; they go before the template's values.
        local: what the local stack says, whatever is given: its URLs and secrets.
    """
    environment: dict[str, str] = {}
    for variable, value in function.environment.items():
        known = {
            name: values[name]
            for values in (given, local)
            for name in setting_names(variable)
            if name in values
        }
        if known:
            environment |= known
        elif value is not None:
            environment[variable] = value
    return environment


def inherited_environment(template: Template, environment: Mapping[str, str]) -> dict[str, str]:
    """What all workers inherit: the machine's variables and settings that the template leaves out.

    Settings that the template gives to some function are left out, so that a function that
    lacks one on AWS lacks it here too; so are credentials and databases of the developer.
    """
    assigned = {
        name
        for function in template.functions.values()
        for variable in function.environment
        for name in (variable, *setting_names(variable))
    }
    return {
        name: value
        for name, value in environment.items()
        if name not in assigned
        and name not in STACK_SETTINGS
        and not name.startswith(("AWS_", "PG"))
    }
