"""The three gRPC services of the API: CloudRedis, Operations and Locations.

google-cloud-redis ships no servicer classes, so the methods are registered as generic handlers.
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.cloud import redis_v1
from google.cloud.location import locations_pb2
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from grpc_status import rpc_status

from helpers.embedded.server import Engine
from helpers.emulator.api.errors import (
    UNREACHABLE_REGION,
    ApiError,
    already_exists,
    invalid,
    not_found,
    refuse_by_project,
)
from helpers.emulator.api.operations import Operations
from helpers.emulator.api.regions import REGIONS, check_region, location
from helpers.emulator.servers import instances
from helpers.emulator.servers.instances import EmulatedInstance, State

_INSTANCE_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
_LARGEST_PAGE = 1000
_Item = TypeVar("_Item")


class Service:
    """The API, and all that it has to remember.

    Args:
        operation_seconds: How long creating and updating take; deleting takes half of it.
        failover_seconds: How long a failover takes.
        engine: The embedded servers' engine.
        common_name_only: Whether certificates name the address as the common name alone.
    """

    def __init__(
        self, *, operation_seconds: float, failover_seconds: float, engine: Engine | None, common_name_only: bool
    ) -> None:
        self._operation_seconds = operation_seconds
        self._failover_seconds = failover_seconds
        self._engine = engine
        self._common_name_only = common_name_only
        self._instances: dict[str, EmulatedInstance] = {}
        self._operations = Operations()
        self._shared: asyncio.Task[None] | None = None

    def instance(self, name: str) -> EmulatedInstance:
        """One instance by its full name.

        Raises:
            LookupError: There is none.
        """
        if name not in self._instances:
            raise LookupError(f"The emulator has no instance {name!r}.")
        return self._instances[name]

    async def close(self) -> None:
        """End every operation and every instance."""
        if self._shared is not None:
            self._shared.cancel()
            await asyncio.gather(self._shared, return_exceptions=True)
        await self._operations.close()
        await asyncio.gather(*(instance.close() for instance in self._instances.values()))

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """What a gRPC server needs to serve the API."""
        v1, longrunning, locations = redis_v1, operations_pb2, locations_pb2
        return [
            _handler(
                "google.cloud.redis.v1.CloudRedis",
                {
                    "ListInstances": (self.list_instances, v1.ListInstancesRequest),
                    "GetInstance": (self.get_instance, v1.GetInstanceRequest),
                    "GetInstanceAuthString": (self.get_instance_auth_string, v1.GetInstanceAuthStringRequest),
                    "CreateInstance": (self.create_instance, v1.CreateInstanceRequest),
                    "UpdateInstance": (self.update_instance, v1.UpdateInstanceRequest),
                    "FailoverInstance": (self.failover_instance, v1.FailoverInstanceRequest),
                    "DeleteInstance": (self.delete_instance, v1.DeleteInstanceRequest),
                },
            ),
            _handler(
                "google.longrunning.Operations",
                {
                    "GetOperation": (self.get_operation, longrunning.GetOperationRequest),
                    "ListOperations": (self.list_operations, longrunning.ListOperationsRequest),
                    "CancelOperation": (self.cancel_operation, longrunning.CancelOperationRequest),
                    "DeleteOperation": (self.delete_operation, longrunning.DeleteOperationRequest),
                    "WaitOperation": (self.wait_operation, longrunning.WaitOperationRequest),
                },
            ),
            _handler(
                "google.cloud.location.Locations",
                {
                    "ListLocations": (self.list_locations, locations.ListLocationsRequest),
                    "GetLocation": (self.get_location, locations.GetLocationRequest),
                },
            ),
        ]

    async def list_instances(self, request: redis_v1.ListInstancesRequest) -> redis_v1.ListInstancesResponse:
        project, region = _parts(request.parent, "locations")
        refuse_by_project(project, region, "redis.instances.list")
        if region != "-":
            check_region(project, region)
        await self._share(project)
        prefix = f"projects/{project}/locations/" + ("" if region == "-" else f"{region}/")
        found = [each.record for name, each in self._instances.items() if name.startswith(prefix)]
        unreachable = []
        if project == "region-down" and region == "-":
            unreachable.append(f"{prefix}{UNREACHABLE_REGION}")
            found = [each for each in found if not each.name.startswith(unreachable[0])]
            placeholder = f"{unreachable[0]}/instances/-"
            message = "location not available for ListInstances"
            found.append(redis_v1.Instance(name=placeholder, status_message=message))
        found, token = _page(sorted(found, key=_name_of), request)
        return redis_v1.ListInstancesResponse(instances=found, next_page_token=token, unreachable=unreachable)

    async def get_instance(self, request: redis_v1.GetInstanceRequest) -> redis_v1.Instance:
        return (await self._found(request.name, "redis.instances.get")).record

    async def get_instance_auth_string(
        self, request: redis_v1.GetInstanceAuthStringRequest
    ) -> redis_v1.InstanceAuthString:
        instance = await self._found(request.name, "redis.instances.getAuthString")
        return redis_v1.InstanceAuthString(auth_string=instance.auth_string)

    async def create_instance(self, request: redis_v1.CreateInstanceRequest) -> operations_pb2.Operation:
        project, region = _parts(request.parent, "locations")
        refuse_by_project(project, region, "redis.instances.create")
        check_region(project, region)
        if not _INSTANCE_ID.fullmatch(request.instance_id):
            raise invalid(
                "instance_id",
                "it must be 1 to 40 lowercase letters, digits and hyphens, begin with a letter and end with "
                "a letter or a digit.",
            )
        instances.check(request.instance, region)
        name = f"{request.parent}/instances/{request.instance_id}"
        if name in self._instances:
            raise already_exists(name)
        instance = self._instances[name] = self._make(name, request.instance)

        async def create() -> redis_v1.Instance:
            try:
                await asyncio.gather(instance.start(), asyncio.sleep(self._operation_seconds))
            except Exception:
                del self._instances[name]
                await instance.close()
                raise
            instance.become(State.READY)
            return instance.record

        return self._operations.start(request.parent, name, "create", create)

    async def update_instance(self, request: redis_v1.UpdateInstanceRequest) -> operations_pb2.Operation:
        instance = await self._found(request.instance.name, "redis.instances.update")
        paths, wanted = list(request.update_mask.paths), request.instance
        instance.changed(paths, wanted)
        instance.check_ready()
        instance.become(State.UPDATING)

        async def update() -> redis_v1.Instance:
            try:
                await asyncio.sleep(self._operation_seconds)
                await instance.update(paths, wanted)
            finally:
                instance.become(State.READY)
            return instance.record

        return self._start(instance, "update", update)

    async def failover_instance(self, request: redis_v1.FailoverInstanceRequest) -> operations_pb2.Operation:
        instance = await self._found(request.name, "redis.instances.failover")
        instance.check_failover()
        instance.become(State.FAILING_OVER)
        # Before the call is answered, so that no caller can find the instance still there.
        instance.refuse_connections()

        async def fail_over() -> redis_v1.Instance:
            await asyncio.sleep(self._failover_seconds)
            instance.come_back()
            instance.become(State.READY)
            return instance.record

        return self._start(instance, "failover", fail_over)

    async def delete_instance(self, request: redis_v1.DeleteInstanceRequest) -> operations_pb2.Operation:
        instance = await self._found(request.name, "redis.instances.delete")
        instance.check_ready()
        instance.become(State.DELETING)

        async def delete() -> None:
            await asyncio.sleep(self._operation_seconds / 2)
            await instance.close()
            del self._instances[instance.name]

        return self._start(instance, "delete", delete)

    async def get_operation(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        self._may(request.name, "get")
        return self._operations.get(request.name)

    async def list_operations(
        self, request: operations_pb2.ListOperationsRequest
    ) -> operations_pb2.ListOperationsResponse:
        project, region = _parts(request.name.removesuffix("/operations"), "locations")
        refuse_by_project(project, region, "redis.operations.list")
        if region != "-":
            check_region(project, region)
        if request.filter:
            raise invalid("filter", "the emulator has no filters.")
        found, token = _page(self._operations.of(project, region), request)
        return operations_pb2.ListOperationsResponse(operations=found, next_page_token=token)

    async def cancel_operation(self, request: operations_pb2.CancelOperationRequest) -> empty_pb2.Empty:
        self._may(request.name, "cancel")
        self._operations.cancel(request.name)
        return empty_pb2.Empty()

    async def delete_operation(self, request: operations_pb2.DeleteOperationRequest) -> empty_pb2.Empty:
        self._may(request.name, "delete")
        self._operations.forget(request.name)
        return empty_pb2.Empty()

    async def wait_operation(self, request: operations_pb2.WaitOperationRequest) -> operations_pb2.Operation:
        self._may(request.name, "get")
        seconds = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else None
        return await self._operations.wait(request.name, seconds)

    async def list_locations(self, request: locations_pb2.ListLocationsRequest) -> locations_pb2.ListLocationsResponse:
        found = re.fullmatch(r"projects/([^/]+)", request.name)
        if not found:
            raise invalid("name", "it must be of the form projects/PROJECT.")
        refuse_by_project(found[1], "", "redis.locations.list")
        regions, token = _page([location(found[1], region) for region in REGIONS], request)
        return locations_pb2.ListLocationsResponse(locations=regions, next_page_token=token)

    async def get_location(self, request: locations_pb2.GetLocationRequest) -> locations_pb2.Location:
        project, region = _parts(request.name, "locations")
        refuse_by_project(project, region, "redis.locations.get")
        return location(project, region)

    async def _found(self, name: str, permission: str) -> EmulatedInstance:
        project, region, _ = _parts(name, "locations", "instances")
        refuse_by_project(project, region, permission)
        check_region(project, region)
        await self._share(project)
        if name not in self._instances:
            raise not_found(name)
        return self._instances[name]

    def _may(self, operation: str, verb: str) -> None:
        project, region, _ = _parts(operation, "locations", "operations")
        refuse_by_project(project, region, f"redis.operations.{verb}")

    def _make(self, name: str, wanted: redis_v1.Instance) -> EmulatedInstance:
        return EmulatedInstance(name, wanted, engine=self._engine, common_name_only=self._common_name_only)

    def _start(
        self, instance: EmulatedInstance, verb: str, work: Callable[[], Awaitable[redis_v1.Instance | None]]
    ) -> operations_pb2.Operation:
        return self._operations.start(instance.name.rpartition("/instances/")[0], instance.name, verb, work)

    async def _share(self, project: str) -> None:
        """Have the one instance of the project whose account may create none."""
        if project != "viewer-only":
            return
        if self._shared is None:
            self._shared = asyncio.create_task(self._make_shared())
        await asyncio.shield(self._shared)

    async def _make_shared(self) -> None:
        name = "projects/viewer-only/locations/us-central1/instances/shared"
        wanted = redis_v1.Instance(
            display_name="An instance to look at",
            tier=redis_v1.Instance.Tier.BASIC,
            memory_size_gb=1,
            auth_enabled=True,
            transit_encryption_mode=redis_v1.Instance.TransitEncryptionMode.SERVER_AUTHENTICATION,
        )
        instance = self._instances[name] = self._make(name, wanted)
        await instance.start()
        instance.become(State.READY)


def _handler(service: str, methods: dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]]) -> grpc.GenericRpcHandler:
    handlers = {name: _method(answer, request) for name, (answer, request) in methods.items()}
    return grpc.method_handlers_generic_handler(service, handlers)


def _method(answer: Callable[[Any], Awaitable[Any]], request_type: Any) -> grpc.RpcMethodHandler:
    async def serve(request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
        try:
            return await answer(request)
        except ApiError as error:
            status = rpc_status.to_status(error.status)
            await context.abort(error.code, status.details, status.trailing_metadata)

    return grpc.unary_unary_rpc_method_handler(
        serve,
        # proto-plus's classes and protobuf's own name the same things differently.
        request_deserializer=getattr(request_type, "deserialize", None) or request_type.FromString,
        response_serializer=_serialized,
    )


def _serialized(message: Any) -> bytes:
    encoded: bytes = (
        message.SerializeToString() if hasattr(message, "SerializeToString") else type(message).serialize(message)
    )
    return encoded


def _parts(name: str, *collections: str) -> list[str]:
    """The IDs in a resource name.

    Raises:
        ApiError: INVALID_ARGUMENT: the name is of another form.
    """
    form = "/".join(("projects/*", *(f"{each}/*" for each in collections)))
    found = re.fullmatch(form.replace("*", "([^/]+)"), name)
    if not found:
        raise invalid("name", f"'{name}' is not of the form {form}.")
    return list(found.groups())


def _name_of(item: Any) -> str:
    return str(item.name)


def _page(items: Sequence[_Item], request: Any) -> tuple[list[_Item], str]:
    """The items of the page that a request asks for, and the next page's token. Items are in the order of their names.

    The token holds the last name given out, so what comes and goes in between shifts nothing.
    """
    if request.page_size < 0:
        raise invalid("page_size", "it can't be negative.")
    size = min(request.page_size or _LARGEST_PAGE, _LARGEST_PAGE)
    try:
        after = base64.urlsafe_b64decode(request.page_token).decode()
    except ValueError:
        raise invalid("page_token", "it is not one of this service's.") from None
    rest = [item for item in items if _name_of(item) > after]
    more = len(rest) > size
    return rest[:size], base64.urlsafe_b64encode(_name_of(rest[size - 1]).encode()).decode() if more else ""
