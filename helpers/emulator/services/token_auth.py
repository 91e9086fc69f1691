"""The calls of Memorystore for Valkey about users that sign in with tokens of the service.

What a user and a token are: https://docs.cloud.google.com/memorystore/docs/valkey/manage-basic-auth.
"""

import asyncio
import re
import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from google.cloud import memorystore_v1
from google.longrunning import operations_pb2

from helpers.emulator.api.errors import already_exists, invalid, not_found, not_possible_now
from helpers.emulator.servers.valkey_instance import AuthorizationMode, ValkeyInstance
from helpers.emulator.services.instances import InstancesService
from helpers.emulator.services.serving import Methods, page, parts, refuse_filters

AuthToken = memorystore_v1.AuthToken
TokenAuthUser = memorystore_v1.TokenAuthUser

_USERS, _TOKENS = "tokenAuthUsers", "authTokens"
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_ID_RULE = "it must be 1 to 63 letters, digits, hyphens and underscores, and begin with a letter."


class TokenAuth:
    """Users and their tokens.

    Args:
        service: The service whose instances they are of.
    """

    def __init__(self, service: InstancesService[ValkeyInstance]) -> None:
        self._service = service

    def methods(self) -> Methods:
        """What answers each call."""
        v1 = memorystore_v1
        return {
            "ListTokenAuthUsers": (self.list_token_auth_users, v1.ListTokenAuthUsersRequest),
            "GetTokenAuthUser": (self.get_token_auth_user, v1.GetTokenAuthUserRequest),
            "AddTokenAuthUser": (self.add_token_auth_user, v1.AddTokenAuthUserRequest),
            "DeleteTokenAuthUser": (self.delete_token_auth_user, v1.DeleteTokenAuthUserRequest),
            "ListAuthTokens": (self.list_auth_tokens, v1.ListAuthTokensRequest),
            "GetAuthToken": (self.get_auth_token, v1.GetAuthTokenRequest),
            "AddAuthToken": (self.add_auth_token, v1.AddAuthTokenRequest),
            "DeleteAuthToken": (self.delete_auth_token, v1.DeleteAuthTokenRequest),
        }

    async def list_token_auth_users(
        self, request: memorystore_v1.ListTokenAuthUsersRequest
    ) -> memorystore_v1.ListTokenAuthUsersResponse:
        instance = await self._instance(request.parent, f"{_USERS}.list", field="parent")
        users = [self._user(instance, user) for user in sorted(instance.token_users)]
        refuse_filters(request)
        shown, token = page(users, request)
        return memorystore_v1.ListTokenAuthUsersResponse(token_auth_users=shown, next_page_token=token)

    async def get_token_auth_user(
        self, request: memorystore_v1.GetTokenAuthUserRequest
    ) -> memorystore_v1.TokenAuthUser:
        instance, user = await self._found_user(request.name, "get")
        return self._user(instance, user)

    async def add_token_auth_user(self, request: memorystore_v1.AddTokenAuthUserRequest) -> operations_pb2.Operation:
        instance = await self._instance(request.instance, f"{_USERS}.create", field="instance")
        instance.check_ready()
        user = request.token_auth_user.removeprefix(f"{instance.name}/{_USERS}/")
        if not _ID.fullmatch(user):
            raise invalid("token_auth_user", _ID_RULE)
        if user in instance.token_users:
            raise already_exists(f"{instance.name}/{_USERS}/{user}")
        instance.token_users[user] = {}

        async def result() -> memorystore_v1.Instance:
            return instance.record

        return self._start(instance, "addTokenAuthUser", f"{_USERS}/{user}", result)

    async def delete_token_auth_user(
        self, request: memorystore_v1.DeleteTokenAuthUserRequest
    ) -> operations_pb2.Operation:
        instance, user = await self._found_user(request.name, "delete")
        instance.check_ready()
        if instance.token_users[user] and not request.force:
            raise not_possible_now(request.name, f"User '{user}' has tokens; delete them first, or set force.")
        del instance.token_users[user]
        return self._start(instance, "deleteTokenAuthUser", f"{_USERS}/{user}", _nothing)

    async def list_auth_tokens(
        self, request: memorystore_v1.ListAuthTokensRequest
    ) -> memorystore_v1.ListAuthTokensResponse:
        instance, user = await self._found_user(request.parent, "list", what=_TOKENS, field="parent")
        tokens = sorted(instance.token_users[user].values(), key=lambda each: str(each.name))
        refuse_filters(request)
        shown, token = page(tokens, request)
        return memorystore_v1.ListAuthTokensResponse(auth_tokens=shown, next_page_token=token)

    async def get_auth_token(self, request: memorystore_v1.GetAuthTokenRequest) -> memorystore_v1.AuthToken:
        instance, user, token = await self._found_token(request.name, "get")
        return instance.token_users[user][token]

    async def add_auth_token(self, request: memorystore_v1.AddAuthTokenRequest) -> operations_pb2.Operation:
        instance, user = await self._found_user(
            request.token_auth_user, "create", what=_TOKENS, field="token_auth_user"
        )
        instance.check_ready()
        tokens = instance.token_users[user]
        token = str(request.auth_token.name).rpartition("/")[2] or f"token-{uuid.uuid4()}"
        if not _ID.fullmatch(token):
            raise invalid("auth_token.name", _ID_RULE)
        name = f"{instance.name}/{_USERS}/{user}/{_TOKENS}/{token}"
        if token in tokens:
            raise already_exists(name)
        record = tokens[token] = AuthToken(name=name, token=secrets.token_urlsafe(32), state=AuthToken.State.CREATING)
        AuthToken.pb(record).create_time.GetCurrentTime()

        async def result() -> memorystore_v1.TokenAuthUser:
            record.state = AuthToken.State(AuthToken.State.ACTIVE)
            return self._user(instance, user)

        return self._start(instance, "addAuthToken", f"{_USERS}/{user}/{_TOKENS}/{token}", result)

    async def delete_auth_token(self, request: memorystore_v1.DeleteAuthTokenRequest) -> operations_pb2.Operation:
        instance, user, token = await self._found_token(request.name, "delete")
        instance.check_ready()
        del instance.token_users[user][token]
        return self._start(instance, "deleteAuthToken", f"{_USERS}/{user}/{_TOKENS}/{token}", _nothing)

    def _start(
        self, instance: ValkeyInstance, verb: str, target: str, result: Callable[[], Awaitable[Any]]
    ) -> operations_pb2.Operation:
        """Have the nodes know the users as they are now, and then give a result."""

        async def work() -> Any:
            await asyncio.sleep(self._service.settings.operation_seconds)
            await instance.tell_users()
            return await result()

        return self._service.start(instance, verb, work, f"{instance.name}/{target}")

    def _user(self, instance: ValkeyInstance, user: str) -> memorystore_v1.TokenAuthUser:
        return TokenAuthUser(name=f"{instance.name}/{_USERS}/{user}", state=TokenAuthUser.State.ACTIVE)

    async def _instance(self, name: str, permission: str, *, field: str = "name") -> ValkeyInstance:
        """An instance that has such users.

        Raises:
            ApiError: There is none of that name, or it has another way to sign in.
        """
        parts(name, "locations", "instances", field=field)
        instance = await self._service.found(name, permission)
        if instance.record.authorization_mode != AuthorizationMode.TOKEN_AUTH:
            mode = AuthorizationMode(instance.record.authorization_mode).name
            raise not_possible_now(name, f"Instance '{name}' has the authorization mode {mode}, not TOKEN_AUTH.")
        return instance

    async def _found_user(
        self, name: str, verb: str, *, what: str = _USERS, field: str = "name"
    ) -> tuple[ValkeyInstance, str]:
        *_, user = parts(name, "locations", "instances", _USERS, field=field)
        instance = await self._instance(name.rpartition(f"/{_USERS}/")[0], f"{what}.{verb}")
        if user not in instance.token_users:
            raise not_found(name)
        return instance, user

    async def _found_token(self, name: str, verb: str) -> tuple[ValkeyInstance, str, str]:
        *_, token = parts(name, "locations", "instances", _USERS, _TOKENS)
        instance, user = await self._found_user(name.rpartition(f"/{_TOKENS}/")[0], verb, what=_TOKENS)
        if token not in instance.token_users[user]:
            raise not_found(name)
        return instance, user, token


async def _nothing() -> None:
    """What a deletion gives."""
