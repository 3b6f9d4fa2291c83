from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.artifacts import zips
from deploy.artifacts.assemble import copy_own, normalise, prune
from deploy.artifacts.functions import FUNCTIONS, Function, by_name, own_modules

if TYPE_CHECKING:
    from pathlib import Path

KEPT = (
    "psycopg/__init__.py",
    "psycopg-3.dist-info/METADATA",
    "botocore/data/dynamodb/2012-08-10/service-2.json.gz",
    "botocore/data/endpoints.json",
    "botocore/cacert.pem",
)
BALLAST = (
    "bin/jp.py",
    "psycopg/__pycache__/__init__.cpython-311.pyc",
    "psycopg/py.typed",
    "psycopg/_x.pyi",
    "six/tests/test_six.py",
    "wrapt-stubs/__init__.py",
    "psycopg-3.dist-info/RECORD",
    "psycopg-3.dist-info/licenses/LICENSE",
    "botocore/data/ec2/2016-11-15/service-2.json.gz",
    "botocore/data/dynamodb/2012-08-10/examples-1.json",
    "boto3/data/s3/resources-1.json",
)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(params=FUNCTIONS, ids=lambda function: function.name)
def function(request: pytest.FixtureRequest) -> Function:
    found: Function = request.param
    return found


def test_ballast_is_removed_and_what_is_used_stays(tmp_path: Path) -> None:
    put(tmp_path, *KEPT, *BALLAST)
    prune(tmp_path, ("dynamodb",))
    assert files(tmp_path) == set(KEPT)


def test_only_the_modules_that_the_handler_reaches_are_copied(
    function: Function, tmp_path: Path
) -> None:
    copy_own(function, tmp_path)
    copied = {name for name in files(tmp_path) if name.endswith(".py")}
    assert len(copied) == len(own_modules(function))
    assert f"functions/{function.name}/app.py" in copied
    assert "shared/__init__.py" in copied


def test_mux_is_not_in_the_feeds_zip_and_ranking_in_no_other() -> None:
    feed, upload, webhook = (
        own_modules(by_name(name)) for name in ("feed_ranker", "create_upload", "mux_webhook")
    )
    assert "shared.mux" not in feed
    assert "shared.mux" in upload & webhook
    assert "shared.ranking" in feed
    assert "shared.ranking" not in upload | webhook


def test_zips_differ_by_content_and_not_by_times_or_rights(tmp_path: Path) -> None:
    first, second, third = tmp_path / "first", tmp_path / "second", tmp_path / "third"
    for folder in (first, second, third):
        put(folder, "a/one.py", "two.py")
    (second / "two.py").chmod(0o600)
    (third / "two.py").write_text("otherwise")
    for folder in (first, second, third):
        normalise(folder)
    assert zips.tree(first) == zips.tree(second) != zips.tree(third)
    assert zips.archive(first) == zips.archive(second) != zips.archive(third)
