"""Idempotency-Key: the same key, the same answer, for as long as the key holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)

from functions.create_upload.errors import InProgressError, KeyReusedError
from shared.errors import CacheUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb import DynamoDBClient

    from functions.create_upload.requests import UploadRequest

_PARTITION = "idempotency#uploads"
Answer = dict[str, Any]


class IdempotencyKeys:
    """Remembers answers by viewer and key in the session table."""

    def __init__(self, client: DynamoDBClient, table: str, ttl_s: int) -> None:
        self._ttl_s = ttl_s
        self._layer = DynamoDBPersistenceLayer(
            table_name=table,
            key_attr="pk",
            sort_key_attr="sk",
            static_pk_value=_PARTITION,
            expiry_attr="expires_at",
            boto3_client=client,
        )

    def once(
        self,
        act: Callable[[UUID, UploadRequest], Answer],
        viewer: UUID,
        request: UploadRequest,
        key: str,
        context: LambdaContext,
    ) -> Answer:
        """Do `act`, unless the viewer's key has an answer already.

        Args:
            act: What to do; where it raises, the key is free again.
            viewer: Whose key it is.
            request: What the key stands for.
            key: The Idempotency-Key.
            context: Tells until when a request that broke off blocks its key.

        Raises:
            InProgressError: A request with this key is under way.
            KeyReusedError: The key stands for another request.
            CacheUnavailableError: The session table does not answer.
        """
        config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="request",
            expires_after_seconds=self._ttl_s,
            hash_function="sha256",
            lambda_context=context,
        )
        done: list[Answer] = []

        def acted(*, payload: Answer) -> str:  # noqa: ARG001  # what Powertools hashes
            done.append(act(viewer, request))
            # As text: of an object Powertools would sort the keys.
            return json.dumps(done[-1])

        remembered = idempotent_function(
            acted,
            data_keyword_argument="payload",
            persistence_store=self._layer,
            config=config,
            key_prefix="create_upload",
        )
        # Whether the body names the viewer again makes no other request of it.
        asked = request.model_dump(mode="json", exclude={"user_id"})
        try:
            answer: Answer = json.loads(
                remembered(payload={"key": f"{viewer}/{key}", "request": asked})
            )
        except IdempotencyValidationError:
            raise KeyReusedError from None
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError):
            raise InProgressError from None
        except IdempotencyPersistenceLayerError as error:
            if done:
                # It was done and only not noted down: to deny it would make a second upload.
                return done[-1]
            raise CacheUnavailableError from error
        return answer
