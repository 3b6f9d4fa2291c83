"""Which functions there are, and what each zip may hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Function:
    """A deployed function.

    Attributes:
        logical_id: its name in template.yaml, and of its folder in a build.
        name: the folder of its code.
        aws_clients: the AWS services that it calls; only their models are kept of botocore's.
    """

    logical_id: str
    name: str
    aws_clients: tuple[str, ...]

    @property
    def handler(self) -> str:
        """What Lambda calls, as `module.function`."""
        return f"functions.{self.name}.app.lambda_handler"


FUNCTIONS = (
    Function("FeedRankerFunction", "feed_ranker", ("dynamodb", "secretsmanager")),
    Function("CreateUploadFunction", "create_upload", ("secretsmanager",)),
    Function("MuxWebhookFunction", "mux_webhook", ("secretsmanager",)),
)


def by_name(name: str) -> Function:
    """The function whose code is in the folder `name`.

    Raises:
        KeyError: there is none.
    """
    return {function.name: function for function in FUNCTIONS}[name]


def own_modules(function: Function) -> set[str]:
    """The modules of `functions` and `shared` that the handler imports, now or later.

    Imports for type checkers alone don't count. The packages that hold the modules do.
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
    # A package's own imports are run with the first import of anything below it.
    for package in parents:
        reached |= {package, *graph.find_upstream_modules(package)}
    return reached
