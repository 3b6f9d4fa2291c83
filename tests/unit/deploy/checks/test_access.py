"""What the roles of the change set's template allow, and where secrets stand in it."""

from __future__ import annotations

from typing import Any

from deploy.checks.policies import Permission, all_policies, wildcards
from tests.unit.deploy.checks.reading import FUNCTIONS, of_type, texts

INTERFACES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}


def test_only_what_knows_no_resource_is_allowed_on_all(resources: dict[str, Any]) -> None:
    assert wildcards({"Resources": resources}) == {
        "TracingPolicy": {"xray:PutTelemetryRecords", "xray:PutTraceSegments"},
        "NetworkPolicy": INTERFACES,
    }
    network = resources["NetworkPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (denied,) = (s for s in network if s["Effect"] == "Deny")
    assert set(denied["Action"]) == INTERFACES
    assert "lambda:SourceFunctionArn" in denied["Condition"]["ArnLike"]


def test_nothing_is_allowed_but_calls_logs_and_dead_letters(resources: dict[str, Any]) -> None:
    policies = all_policies({"Resources": resources})
    logs = ("logs:CreateLogStream", "logs:PutLogEvents")
    for role, group, dead in (
        ("FeedRankerRole", "FeedRankerLogs", True),
        ("CreateUploadRole", "CreateUploadLogs", False),
        ("MuxWebhookRole", "MuxWebhookLogs", True),
    ):
        expected = {Permission(action, group) for action in logs}
        if dead:
            expected.add(Permission("sqs:SendMessage", "DeadLetters"))
        assert policies.pop(f"{role}/Platform") == expected
        assert policies.pop(f"{role}/Calls")
    for name in ("TracingPolicy", "NetworkPolicy", "KeyPolicy"):
        assert policies.pop(name)
    # What is left are the roles of the schedules, which SAM makes.
    for allowed in policies.values():
        assert {p.action for p in allowed} <= {"lambda:InvokeFunction", "sqs:SendMessage"}
        assert {p.resource for p in allowed} <= {
            "DeadLetters",
            *(f"{function}Aliaslive" for function in FUNCTIONS),
        }


def test_no_policy_but_codedeploys_is_one_of_aws(resources: dict[str, Any]) -> None:
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        given = [arn for arn in texts(role.get("ManagedPolicyArns", [])) if arn.startswith("arn:")]
        assert bool(given) == (name == "CodeDeployServiceRole"), given


def test_secrets_stand_in_the_template_as_arns_only(resources: dict[str, Any]) -> None:
    for function in of_type(resources, "AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        arns = {name for name in variables if name.endswith("_SECRET_ARN")}
        assert {"DATABASE_URL_SECRET_ARN", "LOG_ID_SALT_SECRET_ARN"} < arns
        for name in arns:
            assert any(text.endswith("SecretArn") for text in texts(variables[name]))
            plain = name.removesuffix("_ARN")
            assert variables.get(plain, variables.get(plain.removesuffix("_SECRET"))) == ""
