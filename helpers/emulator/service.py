"""All that the emulator serves: both Memorystore APIs, what goes with them, and access tokens."""

import asyncio
from typing import Any

import grpc

from helpers.emulator.api.errors import REDIS, VALKEY
from helpers.emulator.api.operations import Operations
from helpers.emulator.servers.instances import EmulatedInstance, Settings
from helpers.emulator.services.credentials import CredentialsService
from helpers.emulator.services.longrunning import LocationsService, OperationsService
from helpers.emulator.services.redis import CloudRedis
from helpers.emulator.services.valkey import Memorystore


class Service:
    """The services, and what they share.

    Args:
        settings: How instances are made.
        token_seconds: How long access tokens are good for.
    """

    def __init__(self, settings: Settings, *, token_seconds: float) -> None:
        self._operations = Operations()
        self._redis = CloudRedis(settings, self._operations)
        self._valkey = Memorystore(settings, self._operations, token_seconds=token_seconds)

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """What a gRPC server needs to serve them."""
        services: tuple[Any, ...] = (
            self._redis,
            self._valkey,
            CredentialsService(self._valkey.tokens),
            OperationsService(self._operations),
            LocationsService(),
        )
        return [service.handler() for service in services]

    def instance(self, name: str) -> EmulatedInstance:
        """One instance by its full name, with the service's host before it where both have one of that name.

        Raises:
            LookupError: There is none, or there are two.
        """
        found: list[EmulatedInstance] = []
        for service in (self._redis, self._valkey):
            prefix = f"//{service.api.host}/"
            plain = name.removeprefix(prefix)
            if plain in service.instances:
                found.append(service.instances[plain])
        if len(found) > 1:
            both = " and ".join(f"//{api.host}/{name}" for api in (REDIS, VALKEY))
            raise LookupError(f"The emulator has two instances of that name, {both}.")
        if not found:
            raise LookupError(f"The emulator has no instance {name!r}.")
        return found[0]

    async def revoke_tokens(self) -> None:
        """Have the access tokens that were issued so far be refused."""
        await self._valkey.tokens.revoke()

    async def close(self) -> None:
        """End every operation and every instance."""
        await self._operations.close()
        await asyncio.gather(self._redis.close(), self._valkey.close())
