"""``google.longrunning.Operations`` and ``google.cloud.location.Locations``, which both APIs have."""

import re

import grpc
from google.cloud.location import locations_pb2
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from helpers.emulator.api.errors import REDIS, VALKEY, invalid, refuse_by_project
from helpers.emulator.api.operations import Operations
from helpers.emulator.api.regions import REGIONS, check_region, location
from helpers.emulator.services.serving import handler, page, parts


def _may(project: str, region: str, permission: str) -> None:
    """Refuse by the project. One address serves both APIs, so what is asked is the one that is enabled."""
    refuse_by_project(VALKEY if project == VALKEY.enabled_alone else REDIS, project, region, permission)


class OperationsService:
    """What callers ask after their operations with.

    Args:
        operations: The operations that there are.
    """

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server needs to serve this."""
        return handler(
            "google.longrunning.Operations",
            REDIS,
            {
                "GetOperation": (self.get_operation, operations_pb2.GetOperationRequest),
                "ListOperations": (self.list_operations, operations_pb2.ListOperationsRequest),
                "CancelOperation": (self.cancel_operation, operations_pb2.CancelOperationRequest),
                "DeleteOperation": (self.delete_operation, operations_pb2.DeleteOperationRequest),
                "WaitOperation": (self.wait_operation, operations_pb2.WaitOperationRequest),
            },
        )

    async def get_operation(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        self._may(request.name, "get")
        return self._operations.get(request.name)

    async def list_operations(
        self, request: operations_pb2.ListOperationsRequest
    ) -> operations_pb2.ListOperationsResponse:
        project, region = parts(request.name.removesuffix("/operations"), "locations")
        _may(project, region, "operations.list")
        if region != "-":
            check_region(project, region)
        if request.filter:
            raise invalid("filter", "the emulator has no filters.")
        found, token = page(self._operations.of(project, region), request)
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

    def _may(self, operation: str, verb: str) -> None:
        project, region, _ = parts(operation, "locations", "operations")
        _may(project, region, f"operations.{verb}")


class LocationsService:
    """What callers learn the regions from."""

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server needs to serve this."""
        return handler(
            "google.cloud.location.Locations",
            REDIS,
            {
                "ListLocations": (self.list_locations, locations_pb2.ListLocationsRequest),
                "GetLocation": (self.get_location, locations_pb2.GetLocationRequest),
            },
        )

    async def list_locations(self, request: locations_pb2.ListLocationsRequest) -> locations_pb2.ListLocationsResponse:
        found = re.fullmatch(r"projects/([^/]+)", request.name)
        if not found:
            raise invalid("name", "it must be of the form projects/PROJECT.")
        _may(found[1], "", "locations.list")
        regions, token = page([location(found[1], region) for region in REGIONS], request)
        return locations_pb2.ListLocationsResponse(locations=regions, next_page_token=token)

    async def get_location(self, request: locations_pb2.GetLocationRequest) -> locations_pb2.Location:
        project, region = parts(request.name, "locations")
        _may(project, region, "locations.get")
        return location(project, region)
