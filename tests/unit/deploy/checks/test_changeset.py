"""The template as CloudFormation gets it, for every stage."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from deploy.checks.translation import ROOT, STAGES, main, parameters_of, read_template, translate
from functions.feed_ranker import telemetry
from functions.feed_ranker.upkeep import OLD_SNAPSHOT, QUEUE_AGE, Lag, UpkeepResult
from shared.heat import SCALES
from shared.ranking import Parts
from tests.unit.deploy.checks.reading import FUNCTIONS, of_type, one, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

DASHBOARD_COLUMNS = 24


def test_every_function_runs_on_arm_from_a_snapshot_behind_an_alias(
    resources: dict[str, Any],
) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    assert set(functions) == set(FUNCTIONS)
    for properties in functions.values():
        assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
        assert properties["SnapStart"] == {"ApplyOn": {"Ref": "SnapStart"}}
        assert properties["TracingConfig"] == {"Mode": "Active"}
    aliases = of_type(resources, "AWS::Lambda::Alias")
    assert {alias["FunctionName"]["Ref"] for alias in aliases.values()} == set(FUNCTIONS)
    assert {alias["Name"] for alias in aliases.values()} == {"live"}


def test_api_and_schedules_call_the_alias_and_never_the_newest_code(
    resources: dict[str, Any],
) -> None:
    api = one(resources, "AWS::ApiGatewayV2::Api")
    targets = [text for text in texts(api["Body"]) if ":lambda:path" in text]
    assert targets
    assert all("Aliaslive}" in target for target in targets)
    schedules = of_type(resources, "AWS::Scheduler::Schedule").values()
    assert len(schedules) == 2
    assert all(s["Target"]["Arn"]["Ref"].endswith("Aliaslive") for s in schedules)


def test_an_alarm_takes_a_new_version_back(resources: dict[str, Any]) -> None:
    groups = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == len(FUNCTIONS)
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    for group in groups.values():
        named = [alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]]
        assert named
        assert set(named) <= set(alarms)
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]


def test_what_is_watched(resources: dict[str, Any]) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    assert set(alarms) == {
        "ApiFailuresAlarm",
        "ApiThrottlesAlarm",
        "CatalogueBehindAlarm",
        "CreateUploadErrorsAlarm",
        "DeadLettersAlarm",
        "DegradedCacheAlarm",
        "DegradedDatabaseAlarm",
        "EventsUnsentAlarm",
        "FeedRankerErrorsAlarm",
        "FeedRankerNewVersionSlowAlarm",
        "FeedSlowAlarm",
        "FillFailuresAlarm",
        "FunctionThrottlesAlarm",
        "MuxWebhookErrorsAlarm",
        "OldTransactionAlarm",
        "OnePartDecidesAlarm",
        "QueueOldAlarm",
        "RollUpBehindAlarm",
        "TableThrottlesAlarm",
        "WebhookFailuresAlarm",
        "WebhookLagAlarm",
    }
    slow = alarms["FeedSlowAlarm"]
    assert (slow["ExtendedStatistic"], slow["Threshold"]) == ("p95", 200)
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        # A roll-up that says nothing has not run.
        silent_is_bad = name == "RollUpBehindAlarm"
        assert alarm["TreatMissingData"] == ("breaching" if silent_is_bad else "notBreaching")


def test_every_metric_of_our_own_is_one_that_the_code_makes(resources: dict[str, Any]) -> None:
    sources = "".join(
        path.read_text() for package in ("functions", "shared") for path in package_files(package)
    )
    made = set(re.findall(r'(?:count|milliseconds)\(\s*"(\w+)"', sources))
    made |= {f"Posts{s.title()}" for s in re.findall(r'= "(\w+)"', sources)}
    made |= {f"Upload{state}" for state in ("Ready", "Failed")}
    made |= {f"Degraded{word.title()}" for word in telemetry._DEGRADED}
    made |= {f"RollUp{field.name.title()}" for field in fields(UpkeepResult)}
    made |= {f"DecidedBy{part.title()}" for part in Parts._fields}
    made |= {f"HeatMix{scale.title()}" for scale in SCALES}
    durations = [*(field.name for field in fields(Lag)), OLD_SNAPSHOT, QUEUE_AGE]
    made |= {name.title().replace("_", "") for name in durations}
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    named = {name for alarm in alarms.values() for name in own_metrics(alarm)}
    widgets = json.loads(one(resources, "AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"])
    for widget in widgets["widgets"]:
        rows = widget["properties"].get("metrics", [])
        if rows and rows[0][0] == "VroomFeed":
            named |= {row[1] for row in rows}
    assert {"FillFailures", "ServerErrors", "CacheHit", "TrimFailed"} <= named
    assert named <= made


def package_files(package: str) -> Iterator[Path]:
    return (ROOT / package).rglob("*.py")


def own_metrics(value: object) -> Iterator[str]:
    """Names of the metrics of our namespace, wherever they stand in an alarm."""
    if isinstance(value, dict):
        if value.get("Namespace") == "VroomFeed" and isinstance(value["MetricName"], str):
            yield value["MetricName"]
        for inner in value.values():
            yield from own_metrics(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from own_metrics(inner)


def test_the_dashboard_is_one_that_fits_its_grid(resources: dict[str, Any]) -> None:
    body = json.loads(one(resources, "AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"])
    taken: set[tuple[int, int]] = set()
    for widget in body["widgets"]:
        assert widget["properties"]["title"]
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < DASHBOARD_COLUMNS
        taken |= cells


def test_every_log_group_forgets_in_time(resources: dict[str, Any]) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 1
    assert all(g["RetentionInDays"] == {"Ref": "LogRetentionDays"} for g in groups.values())
    functions = of_type(resources, "AWS::Lambda::Function").values()
    assert {f["LoggingConfig"]["LogGroup"]["Ref"] for f in functions} < set(groups)
    stage = one(resources, "AWS::ApiGatewayV2::Stage")
    destination = stage["AccessLogSettings"]["DestinationArn"]
    assert destination == {"Fn::GetAtt": ["AccessLogs", "Arn"]}
    line = json.loads(stage["AccessLogSettings"]["Format"])
    assert line["status"] == "$context.status"


def test_the_api_limits_and_measures_every_route(resources: dict[str, Any]) -> None:
    settings = one(resources, "AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]
    assert settings == {
        "DetailedMetricsEnabled": True,
        "ThrottlingBurstLimit": {"Ref": "ThrottleBurst"},
        "ThrottlingRateLimit": {"Ref": "ThrottleRate"},
    }


def test_browsers_may_send_what_the_clients_headers_need(resources: dict[str, Any]) -> None:
    cors = one(resources, "AWS::ApiGatewayV2::Api")["Body"]["x-amazon-apigateway-cors"]
    condition, given, otherwise = cors["Fn::If"]
    assert (condition, otherwise) == ("HasWebApp", {"Ref": "AWS::NoValue"})
    assert given["allowMethods"] == ["GET", "POST", "DELETE"]
    assert {"authorization", "content-type", "idempotency-key"} == set(given["allowHeaders"])
    assert "Fn::Split" in given["allowOrigins"]


def test_the_table_is_encrypted_and_can_be_restored(resources: dict[str, Any]) -> None:
    table = one(resources, "AWS::DynamoDB::Table")
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert resources["SessionTable"]["DeletionPolicy"] == "Retain"


def test_the_table_pays_by_request_or_follows_its_load_within_the_given_numbers(
    resources: dict[str, Any],
) -> None:
    table = one(resources, "AWS::DynamoDB::Table")
    assert table["BillingMode"] == {"Fn::If": ["IsProvisioned", "PROVISIONED", "PAY_PER_REQUEST"]}
    least = {
        f"{kind}CapacityUnits": {"Ref": f"SessionTableLeast{kind}Units"}
        for kind in ("Read", "Write")
    }
    none = {"Ref": "AWS::NoValue"}
    assert table["ProvisionedThroughput"] == {"Fn::If": ["IsProvisioned", least, none]}
    for kind in ("Read", "Write"):
        target = resources[f"SessionTable{kind}Target"]
        scaling = resources[f"SessionTable{kind}Scaling"]
        assert target["Condition"] == scaling["Condition"] == "IsProvisioned"
        limits = target["Properties"]
        assert limits["ScalableDimension"] == f"dynamodb:table:{kind}CapacityUnits"
        assert limits["MinCapacity"] == least[f"{kind}CapacityUnits"]
        assert limits["MaxCapacity"] == {"Ref": f"SessionTableMost{kind}Units"}
        policy = scaling["Properties"]
        assert policy["ScalingTargetId"] == {"Ref": f"SessionTable{kind}Target"}
        followed = policy["TargetTrackingScalingPolicyConfiguration"]
        metric = followed["PredefinedMetricSpecification"]["PredefinedMetricType"]
        assert metric == f"DynamoDB{kind}CapacityUtilization"


def test_no_event_of_a_schedule_is_lost_unseen(resources: dict[str, Any]) -> None:
    dead_letters = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    schedules = of_type(resources, "AWS::Scheduler::Schedule").values()
    for schedule in schedules:
        assert schedule["Target"]["DeadLetterConfig"] == {"Arn": dead_letters}
        # Older than a minute, an event has been overtaken by the next.
        assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] == 60
    called = {s["Target"]["Arn"]["Ref"].removesuffix("Aliaslive") for s in schedules}
    invokes = of_type(resources, "AWS::Lambda::EventInvokeConfig")
    assert {config["FunctionName"]["Ref"] for config in invokes.values()} == called
    for config in invokes.values():
        assert config["DestinationConfig"]["OnFailure"]["Destination"] == dead_letters
        assert config["Qualifier"] == "live"


def test_another_release_is_a_new_version_of_every_function(
    resources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    document = read_template()
    document["Globals"]["Function"]["Environment"]["Variables"]["RELEASE"] = "another"
    changed = translate(document, parameters_of("prod"))["Resources"]
    before = set(of_type(resources, "AWS::Lambda::Version"))
    after = set(of_type(changed, "AWS::Lambda::Version"))
    assert len(before) == len(after) == len(FUNCTIONS)
    assert not before & after


def test_every_stages_template_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    main(ROOT / "template.yaml", tmp_path)
    written = {path.stem: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert set(written) == set(STAGES)
    assert all(set(FUNCTIONS) < set(document["Resources"]) for document in written.values())
