"""The functions that are deployed, and the modules that each zip may hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Function:
    """A deployed function.

    Attributes:
        logical_id: Its name in template.yaml, which is also the name of its folder in a build.
        name: The name of the folder of its code.
        aws_clients: The AWS services that it calls. Only their models are kept of botocore's.
    """

    logical_id: str
    name: str
    aws_clients: tuple[str, ...]

    @property
    def handler(self) -> str:
        """Return the handler that Lambda calls, as `module.function`."""
        return f"functions.{self.name}.app.lambda_handler"


FUNCTIONS = (
    Function("FeedRankerFunction", "feed_ranker", ("dynamodb", "secretsmanager")),
    Function("CreateUploadFunction", "create_upload", ("secretsmanager",)),
    Function("MuxWebhookFunction", "mux_webhook", ("secretsmanager",)),
)


def by_name(name: str) -> Function:
    """Return the function whose code is in the folder `name`.

    Raises:
        KeyError: There is no such function.
    """
    return {function.name: function for function in FUNCTIONS}[name]


def own_modules(function: Function) -> set[str]:
    """Return the modules of `functions` and `shared` that the handler imports, now or later.

    Imports that only type checkers run are left out. The packages of the modules are included.
    """
    graph = grimp.build_graph(
        "functions", "shared", exclude_type_checking_imports=True, cache_dir=None
    )
    app = f"functions.{function.name}.app"
    reached = {app, *graph.find_upstream_modules(app)}
    parents = {
        ".".join(parts[:length])
        for parts in (module.split(".") for module in reached)
        for length in range(1, len(parts))
    }
    # Python runs the imports of a package when anything below it is first imported.
    for package in parents:
        reached |= {package, *graph.find_upstream_modules(package)}
    return reached
