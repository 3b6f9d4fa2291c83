"""How policies are read."""

from __future__ import annotations

from deploy.checks.policies import Permission, calls, permissions, wildcards


def test_one_action_and_many_are_read_alike() -> None:
    one = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Ref": "Bucket"}}
    many = {
        "Effect": "Allow",
        "Action": ["sqs:SendMessage", "sqs:DeleteMessage"],
        "Resource": [{"Fn::GetAtt": ["Queue", "Arn"]}, {"Fn::GetAtt": "Other.Arn"}],
    }
    denied = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    assert set(permissions({"Statement": [one, many, denied]})) == {
        Permission("s3:GetObject", "Bucket"),
        Permission("sqs:SendMessage", "Queue"),
        Permission("sqs:SendMessage", "Other"),
        Permission("sqs:DeleteMessage", "Queue"),
        Permission("sqs:DeleteMessage", "Other"),
    }


def test_a_resource_by_condition_counts_as_if_it_were_there() -> None:
    resource = {"Fn::If": ["HasKey", {"Ref": "Key"}, {"Ref": "AWS::NoValue"}]}
    statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": [resource]}
    assert list(permissions({"Statement": statement})) == [Permission("kms:Decrypt", "Key")]


def document(action: str, resource: str) -> dict[str, object]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    policy = {"PolicyName": "Calls", "PolicyDocument": {"Statement": [statement]}}
    return {
        "Resources": {
            "F": {"Type": "X", "Properties": {"Role": {"Fn::GetAtt": ["R", "Arn"]}}},
            "R": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}},
        }
    }


def test_what_a_function_may_call_is_found_by_its_role() -> None:
    assert calls(document("a:B", "arn"), "F") == {Permission("a:B", "arn")}


def test_a_wildcard_is_found_in_action_and_resource() -> None:
    assert wildcards(document("a:B", "arn:aws:x")) == {}
    assert wildcards(document("a:*", "arn:aws:x")) == {"R/Calls": {"a:*"}}
    assert wildcards(document("a:B", "arn:aws:x/*")) == {"R/Calls": {"a:B"}}
