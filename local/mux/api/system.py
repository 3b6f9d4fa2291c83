"""Mux's own API below `/system/v1`: the account of the credentials, and signing keys."""

import asyncio
from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.mux.api.answers import data, no_route, refusal
from local.mux.api.paging import numbered_page
from local.mux.errors import MuxError
from local.mux.stand_in import StandIn
from local.mux.webhooks.events import ENVIRONMENT

KEY_BITS = 2048
WHOAMI = {
    "permissions": ["video:read", "video:write", "system:read", "system:write"],
    "organization_name": "Local",
    "organization_id": "local-organization",
    "environment_type": "development",
    "environment_name": ENVIRONMENT["name"],
    "environment_id": ENVIRONMENT["id"],
    "access_token_name": "Local access token",
}


class SystemApi:
    """The routes below `/system/v1`."""

    def __init__(self, stand_in: StandIn) -> None:
        self._state = stand_in.state
        self.app = Starlette(
            routes=[
                Route("/whoami", self._whoami),
                Route("/signing-keys", self._create_key, methods=["POST"]),
                Route("/signing-keys", self._list_keys),
                Route("/signing-keys/{key_id}", self._get_key),
                Route("/signing-keys/{key_id}", self._delete_key, methods=["DELETE"]),
            ],
            exception_handlers={MuxError: refusal, HTTPException: no_route},
        )

    async def _whoami(self, _request: Request) -> Response:
        return data(WHOAMI)

    async def _create_key(self, _request: Request) -> Response:
        key = self._state.add_signing_key(await asyncio.to_thread(_draw_key))
        return data(key.view() | {"private_key": key.private_key}, 201)

    async def _list_keys(self, request: Request) -> Response:
        keys = [key.view() for key in reversed(self._state.signing_keys.values())]
        return data(numbered_page(request.query_params, keys))

    async def _get_key(self, request: Request) -> Response:
        return data(self._state.signing_key(request.path_params["key_id"]).view())

    async def _delete_key(self, request: Request) -> Response:
        self._state.delete_signing_key(request.path_params["key_id"])
        return Response(status_code=204)


def _draw_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return b64encode(pem).decode()
