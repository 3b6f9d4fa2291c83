"""The committed document says what the handlers and template.yaml say."""

from __future__ import annotations

import json
import re

import yaml

from deploy.openapi.__main__ import PATH, text
from deploy.openapi.operations import OPERATIONS
from local.paths import TEMPLATE


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, whose values don't matter here."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: suffix)  # noqa: ARG005


def test_the_committed_document_is_what_the_models_say() -> None:
    assert PATH.read_text(encoding="utf-8") == text()


def test_every_route_of_the_template_is_described_and_no_other() -> None:
    resources = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader)["Resources"]  # noqa: S506
    routes = {
        (event["Properties"]["Method"].lower(), event["Properties"]["Path"])
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"]["Events"].values()
        if event["Type"] == "HttpApi"
    }
    assert {(o.method, o.path) for o in OPERATIONS} == routes


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    document = json.loads(text())
    used = set(re.findall(r'"#/components/schemas/(\w+)"', text()))
    assert used == set(document["components"]["schemas"])
