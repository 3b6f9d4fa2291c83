"""The translation of template.yaml for CloudFormation by SAM's own transform, without an account.

    python -m deploy.checks.translation .aws-sam/build/template.yaml .aws-sam/changesets

writes a template for every stage. A change set of that stage names the resources of this template.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from samcli.cli.types import (  # type: ignore[import-untyped]  # it has no types
    CfnParameterOverridesType,
)
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
PARAMETERS = ROOT / "deploy" / "parameters"
STAGES = ("dev", "staging", "prod")
REGION = "us-east-1"

_FUNCTION = "AWS::Serverless::Function"


def read_template(path: Path = TEMPLATE) -> dict[str, Any]:
    """Return a SAM template in which short forms such as `!Ref` are written out."""
    document: dict[str, Any] = yaml_parse(path.read_text(encoding="utf-8"))
    return document


def parameters_of(stage: str) -> dict[str, str]:
    """Return the parameters of a stage, read as `sam deploy` reads them.

    Raises:
        click.BadParameter: There is no such file, or it has no parameters.
    """
    file = f"file://{PARAMETERS / stage}.yaml"
    given: dict[str, str] = CfnParameterOverridesType().convert(file, None, None)
    return given


def translate(document: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Turn a SAM template into CloudFormation.

    Args:
        document: The template, which is changed by the call.
        parameters: The values of its parameters.

    Returns:
        The template from which CloudFormation makes the change set. It has made-up addresses for
        the functions' zips, which would be in S3.

    Raises:
        samtranslator.public.exceptions.InvalidDocumentException: SAM refuses the template.
    """
    document.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for name, resource in document["Resources"].items():
        if resource["Type"] == _FUNCTION:
            resource["Properties"]["CodeUri"] = f"s3://artifacts/{name}.zip"
    translator = Translator(
        managed_policy_map={}, sam_parser=Parser(), boto_session=boto3.Session(region_name=REGION)
    )
    translated: dict[str, Any] = translator.translate(document, dict(parameters))
    return translated


def main(template: Path, folder: Path) -> None:
    """Write the translated template of every stage into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        translated = translate(read_template(template), parameters_of(stage))
        (folder / f"{stage}.json").write_text(json.dumps(translated, indent=2), encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    logging.disable()  # the transform would log every feature that it does not have
    main(Path(sys.argv[1]), Path(sys.argv[2]))
