"""samconfig.toml and the stages' parameters."""

from __future__ import annotations

import tomllib

import pytest

from deploy.checks.translation import ROOT, STAGES, parameters_of, read_template

CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_gives_every_parameter_without_a_default_and_none_that_is_unknown(
    stage: str,
) -> None:
    parameters = read_template()["Parameters"]
    given = set(parameters_of(stage))
    assert given <= set(parameters)
    assert {name for name, parameter in parameters.items() if "Default" not in parameter} <= given


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_deployed_with_its_own_parameters_name_and_tags(stage: str) -> None:
    deploy = CONFIG[stage]["deploy"]["parameters"]
    assert CONFIG[stage]["global"]["parameters"]["stack_name"] == f"vroom-feed-{stage}"
    assert deploy["parameter_overrides"] == f"file://deploy/parameters/{stage}.yaml"
    assert deploy["tags"] == f"service=vroom-feed stage={stage}"
    assert parameters_of(stage)["Stage"] == stage


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_secrets_of_its_own(stage: str) -> None:
    secrets = {n: v for n, v in parameters_of(stage).items() if n.endswith("SecretArn")}
    assert secrets
    assert all(f":secret:vroom-feed/{stage}/" in arn for arn in secrets.values())
    assert len(set(secrets.values())) == len(secrets)


def test_without_a_stage_it_is_dev() -> None:
    for command in ("global", "validate", "build", "deploy", "sync"):
        assert CONFIG["default"][command] == CONFIG["dev"][command]


def test_only_production_asks_before_it_changes() -> None:
    asks = {s: CONFIG[s]["deploy"]["parameters"]["confirm_changeset"] for s in STAGES}
    assert asks == {"dev": False, "staging": False, "prod": True}


def test_production_goes_out_in_steps_and_keeps_its_table() -> None:
    production = parameters_of("prod")
    assert production["DeploymentType"].startswith("Canary")
    assert production["DeletionProtection"] == "true"
    assert production["SnapStart"] == "PublishedVersions"


def test_signed_videos_are_refused_without_the_key_that_signs_them() -> None:
    rule = read_template()["Rules"]["SignedVideosNeedAKey"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "MuxPlaybackPolicy"}, "signed"]}
    for name, assertion in zip(
        ("MuxSigningKeyId", "MuxSigningKeySecretArn"), rule["Assertions"], strict=True
    ):
        assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}
        assert name in assertion["AssertDescription"]


def test_provisioned_capacity_takes_all_four_numbers_or_none() -> None:
    template = read_template()
    names = [
        f"SessionTable{bound}{kind}Units"
        for kind in ("Write", "Read")
        for bound in ("Least", "Most")
    ]
    given = [{"Fn::Not": [{"Fn::Equals": [{"Ref": name}, 0]}]} for name in names]
    rule = template["Rules"]["ProvisionedTableNeedsFourNumbers"]
    assert rule["RuleCondition"] == {"Fn::Or": given}
    assert [assertion["Assert"] for assertion in rule["Assertions"]] == given
    assert all(template["Parameters"][name]["Default"] == 0 for name in names)
