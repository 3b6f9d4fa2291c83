"""The AWS account that the local stack pretends to be in."""

from __future__ import annotations

import os

REGION = "us-east-1"
ACCOUNT = "123456789012"
DUMMY_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def aws_environment(*, own_endpoint: bool) -> dict[str, str]:
    """Return the AWS variables with which DynamoDB is called.

    Args:
        own_endpoint: True where DynamoDB is the stack's own, which takes any credentials. Another
            endpoint may check them, so that those of the environment are used if there are any.
    """
    if own_endpoint or "AWS_ACCESS_KEY_ID" not in os.environ:
        return dict(DUMMY_CREDENTIALS)
    given = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return {"AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION} | given
