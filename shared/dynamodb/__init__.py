"""DynamoDB: clients whose calls are bounded in time, and what their errors mean."""

from shared.dynamodb.calls import ConditionFailed, call, unheard
from shared.dynamodb.client import DynamoDB
from shared.dynamodb.connecting import connect, connect_boto3, with_budget

__all__ = [
    "ConditionFailed",
    "DynamoDB",
    "call",
    "connect",
    "connect_boto3",
    "unheard",
    "with_budget",
]
