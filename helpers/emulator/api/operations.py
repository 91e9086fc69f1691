"""Long-running operations: work that goes on whether or not anybody asks after it."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.cloud import memorystore_v1, redis_v1
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2, timestamp_pb2
from google.rpc import code_pb2, status_pb2

from helpers.emulator.api.errors import REDIS, Api, ApiError, not_found

_log = logging.getLogger(__name__)


Work = Callable[[], Awaitable[Any]]
"""What an operation does: it gives the resource, or nothing for a deleted one."""


class Operations:
    """Every operation of an emulator, by name."""

    def __init__(self) -> None:
        self._operations: dict[str, operations_pb2.Operation] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, api: Api, location: str, target: str, verb: str, work: Work) -> operations_pb2.Operation:
        """Begin an operation.

        Args:
            api: The service that it is one of.
            location: The resource it belongs to, ``projects/P/locations/R``.
            target: The full name of what it changes.
            verb: What it does, such as ``create``.
            work: Does it.
        """
        name = f"{location}/operations/operation-{time.time_ns() // 1_000_000}-{secrets.token_hex(6)}"
        metadata = {"create_time": _now(), "target": target, "verb": verb, "api_version": "v1"}
        operation = operations_pb2.Operation(name=name)
        operation.metadata.Pack(_metadata(api, metadata, "In progress."))
        self._operations[name] = operation
        self._tasks[name] = asyncio.create_task(self._run(api, operation, metadata, work))
        return operation

    async def _run(self, api: Api, operation: operations_pb2.Operation, metadata: dict[str, Any], work: Work) -> None:
        try:
            resource = await work()
        except ApiError as error:
            operation.error.CopyFrom(error.status(api))
        except Exception as error:
            _log.exception("An operation of the emulator failed")
            operation.error.CopyFrom(status_pb2.Status(code=code_pb2.INTERNAL, message=str(error)))
        else:
            operation.response.Pack(empty_pb2.Empty() if resource is None else type(resource).pb(resource))
        said = "Failed." if operation.HasField("error") else "Done."
        operation.metadata.Pack(_metadata(api, metadata | {"end_time": _now()}, said))
        operation.done = True

    def get(self, name: str) -> operations_pb2.Operation:
        """One operation as it is now.

        Raises:
            ApiError: There is none of that name.
        """
        if name not in self._operations:
            raise not_found(name)
        return self._operations[name]

    def of(self, project: str, region: str) -> list[operations_pb2.Operation]:
        """A project's operations in a region, or with ``-`` in all of them, oldest first."""
        return [
            operation
            for name, operation in sorted(self._operations.items())
            if name.split("/")[1] == project and region in ("-", name.split("/")[3])
        ]

    def forget(self, name: str) -> None:
        """Drop an operation's record. What it does goes on."""
        self.get(name)
        del self._operations[name]

    def cancel(self, name: str) -> None:
        """Refuse: no operation of these services can be cancelled."""
        self.get(name)
        raise ApiError(grpc.StatusCode.UNIMPLEMENTED, "Operations of Memorystore can't be cancelled.")

    async def wait(self, name: str, seconds: float | None) -> operations_pb2.Operation:
        """One operation when it is done, or as it is after some seconds."""
        operation = self.get(name)
        await asyncio.wait([self._tasks[name]], timeout=seconds)
        return operation

    async def close(self) -> None:
        """End what is still going on."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _metadata(api: Api, fields: dict[str, Any], said: str) -> Any:
    """What is said of an operation, in the service's own message."""
    if api is REDIS:
        return redis_v1.OperationMetadata.pb(redis_v1.OperationMetadata(**fields, status_detail=said))
    return memorystore_v1.OperationMetadata.pb(memorystore_v1.OperationMetadata(**fields, status_message=said))


def _now() -> timestamp_pb2.Timestamp:
    now = timestamp_pb2.Timestamp()
    now.GetCurrentTime()
    return now
