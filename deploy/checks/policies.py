"""The actions that the roles of a template allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CALLS = "Calls"


@dataclass(frozen=True, order=True)
class Permission:
    """One action on one resource.

    Attributes:
        action: The name of the action in IAM, such as `dynamodb:GetItem`.
        resource: The name of the resource or parameter in the template. Where the policy has a
            text instead, such as *, it is that text.
    """

    action: str
    resource: str


def permissions(policy: Mapping[str, Any]) -> Iterator[Permission]:
    """Yield what a policy document allows, and leave out what it denies."""
    for statement in _several(policy["Statement"]):
        if statement["Effect"] == "Allow":
            for action in _several(statement["Action"]):
                for resource in _several(statement["Resource"]):
                    yield Permission(action, _name(resource))


def calls(document: Mapping[str, Any], function: str) -> frozenset[Permission]:
    """Return what the code of a function may call, by the policy `Calls` of its role.

    Args:
        document: The template in the form of SAM or of CloudFormation.
        function: The logical id of the function.

    Raises:
        KeyError: There is no such function, or its role is not in the template.
    """
    resources = document["Resources"]
    role = _name(resources[function]["Properties"]["Role"])
    (policy,) = (
        policy["PolicyDocument"]
        for policy in resources[role]["Properties"]["Policies"]
        if policy["PolicyName"] == CALLS
    )
    return frozenset(permissions(policy))


def all_policies(document: Mapping[str, Any]) -> dict[str, frozenset[Permission]]:
    """Return what every policy allows, by `role/policy` or by a managed policy's name."""
    found: dict[str, frozenset[Permission]] = {}
    for name, resource in document["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            found[name] = frozenset(permissions(properties["PolicyDocument"]))
        elif resource["Type"] == "AWS::IAM::Role":
            for policy in properties.get("Policies", []):
                key = f"{name}/{policy['PolicyName']}"
                found[key] = frozenset(permissions(policy["PolicyDocument"]))
    return found


def wildcards(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the policies that use a wildcard for an action or a resource, with those actions."""
    found: dict[str, set[str]] = {}
    for name, allowed in all_policies(document).items():
        wide = {p.action for p in allowed if "*" in p.action + p.resource}
        if wide:
            found[name] = wide
    return found


def _several(value: Any) -> list[Any]:  # noqa: ANN401  # IAM takes one, or a list of them
    return value if isinstance(value, list) else [value]


def _name(value: Any) -> str:  # noqa: ANN401  # any intrinsic
    if isinstance(value, dict):
        ((function, argument),) = value.items()
        if function == "Ref":
            return str(argument)
        if function == "Fn::If":
            return _name(argument[1])
        if function == "Fn::GetAtt":
            return str(argument[0] if isinstance(argument, list) else argument.split(".")[0])
        return str(argument)
    return str(value)
