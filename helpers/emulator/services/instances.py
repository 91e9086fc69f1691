"""What both services do with their instances: find, list, create, update and delete them."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Generic, TypeVar

import grpc
from google.longrunning import operations_pb2

from helpers.emulator.api.errors import (
    UNREACHABLE_REGION,
    VIEWER_PROJECT,
    Api,
    already_exists,
    invalid,
    not_found,
    refuse_by_project,
)
from helpers.emulator.api.operations import Operations
from helpers.emulator.api.regions import check_region
from helpers.emulator.servers.instances import EmulatedInstance, Settings
from helpers.emulator.services.serving import name_of, parts

Emulated = TypeVar("Emulated", bound=EmulatedInstance)

SHARED_LOCATION = f"projects/{VIEWER_PROJECT}/locations/us-central1"


class InstancesService(ABC, Generic[Emulated]):
    """A service that has instances, and all that it has to remember.

    Args:
        settings: How instances are made.
        operations: Where its operations go.

    Attributes:
        instances: Its instances, by full name.
    """

    api: ClassVar[Api]
    ids: ClassVar["re.Pattern[str]"]
    """What an instance's ID looks like."""
    id_rule: ClassVar[str]
    """The same in words."""

    def __init__(self, settings: Settings, operations: Operations) -> None:
        self.settings = settings
        self.instances: dict[str, Emulated] = {}
        self._operations = operations
        self._sharing: asyncio.Task[None] | None = None

    @abstractmethod
    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server needs to serve this."""

    @abstractmethod
    def make(self, name: str, wanted: Any) -> Emulated:
        """An instance as a caller wants it, not yet started."""

    @abstractmethod
    def shared(self) -> Emulated:
        """The instance of the project whose account may create none, not yet started."""

    async def close(self) -> None:
        """End every instance."""
        if self._sharing is not None:
            self._sharing.cancel()
            await asyncio.gather(self._sharing, return_exceptions=True)
        await asyncio.gather(*(instance.close() for instance in self.instances.values()))

    def may(self, project: str, region: str, permission: str) -> None:
        """Refuse what the project is there to refuse, and regions that there are not.

        Raises:
            ApiError: The project or the region.
        """
        refuse_by_project(self.api, project, region, permission)
        if region != "-":
            check_region(project, region)

    async def found(self, name: str, permission: str) -> Emulated:
        """An instance by its full name.

        Raises:
            ApiError: There is none, or the project refuses.
        """
        project, region, _ = parts(name, "locations", "instances")
        self.may(project, region, permission)
        await self._share(project)
        if name not in self.instances:
            raise not_found(name)
        return self.instances[name]

    async def listed(self, parent: str) -> tuple[list[Any], list[str]]:
        """The records of a region's instances or of all of a project's, and the regions that can't be reached."""
        project, region = parts(parent, "locations", field="parent")
        self.may(project, region, "instances.list")
        await self._share(project)
        prefix = f"projects/{project}/locations/" + ("" if region == "-" else f"{region}/")
        found = [each.record for name, each in self.instances.items() if name.startswith(prefix)]
        unreachable = []
        if project == "region-down" and region == "-":
            unreachable.append(f"{prefix}{UNREACHABLE_REGION}")
            found = [each for each in found if not each.name.startswith(unreachable[0])]
        return sorted(found, key=name_of), unreachable

    def create(self, request: Any) -> operations_pb2.Operation:
        """Begin to make what a request asks for.

        Raises:
            ApiError: It can't be made.
        """
        project, region = parts(request.parent, "locations", field="parent")
        refuse_by_project(self.api, project, region, "instances.create")
        check_region(project, region)
        if not self.ids.fullmatch(request.instance_id):
            raise invalid("instance_id", self.id_rule)
        name = f"{request.parent}/instances/{request.instance_id}"
        instance = self.make(name, request.instance)
        if name in self.instances:
            raise already_exists(name)
        self.instances[name] = instance

        async def create() -> Any:
            try:
                await asyncio.gather(instance.start(), asyncio.sleep(self.settings.operation_seconds))
            except Exception:
                del self.instances[name]
                await instance.close()
                raise
            instance.become(instance.ready)
            return instance.record

        return self.start(instance, "create", create)

    def update(self, instance: Emulated, state: int, change: Callable[[], Awaitable[None]]) -> operations_pb2.Operation:
        """Begin to change an instance.

        Args:
            instance: The instance; it has to be in order.
            state: What it shows meanwhile.
            change: Changes it.

        Raises:
            ApiError: The instance is not in order.
        """
        instance.check_ready()
        instance.become(state)

        async def update() -> Any:
            try:
                await asyncio.sleep(self.settings.operation_seconds)
                await change()
            finally:
                instance.become(instance.ready)
            return instance.record

        return self.start(instance, "update", update)

    def delete(self, instance: Emulated, state: int) -> operations_pb2.Operation:
        """Begin to delete an instance.

        Args:
            instance: The instance; it has to be in order.
            state: What it shows meanwhile.

        Raises:
            ApiError: The instance is not in order.
        """
        instance.check_ready()
        instance.become(state)

        async def delete() -> None:
            await asyncio.sleep(self.settings.operation_seconds / 2)
            await instance.close()
            del self.instances[instance.name]

        return self.start(instance, "delete", delete)

    def start(
        self, instance: Emulated, verb: str, work: Callable[[], Awaitable[Any]], target: str = ""
    ) -> operations_pb2.Operation:
        """Begin an operation.

        Args:
            instance: The instance that it is about.
            verb: What it does.
            work: Does it.
            target: What it changes, where that is not the instance itself.
        """
        return self._operations.start(self.api, instance.location, target or instance.name, verb, work)

    async def _share(self, project: str) -> None:
        """Have the one instance of the project whose account may create none."""
        if project != VIEWER_PROJECT:
            return
        if self._sharing is None:
            self._sharing = asyncio.create_task(self._start_shared())
        await asyncio.shield(self._sharing)

    async def _start_shared(self) -> None:
        instance = self.shared()
        self.instances[instance.name] = instance
        await instance.start()
        instance.become(instance.ready)
