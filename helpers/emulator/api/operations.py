"""Long-running operations: work that goes on whether or not anybody asks after it."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable

import grpc
from google.cloud import redis_v1
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2, timestamp_pb2
from google.rpc import code_pb2, status_pb2

from helpers.emulator.api.errors import ApiError, not_found

_log = logging.getLogger(__name__)


class Operations:
    """Every operation of an emulator, by name."""

    def __init__(self) -> None:
        self._operations: dict[str, operations_pb2.Operation] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(
        self, location: str, target: str, verb: str, work: Callable[[], Awaitable[redis_v1.Instance | None]]
    ) -> operations_pb2.Operation:
        """Begin an operation.

        Args:
            location: The resource it belongs to, ``projects/P/locations/R``.
            target: The full name of what it changes.
            verb: What it does, such as ``create``.
            work: Does it, and gives the instance, or nothing for a deleted one.
        """
        name = f"{location}/operations/operation-{time.time_ns() // 1_000_000}-{secrets.token_hex(6)}"
        metadata = redis_v1.OperationMetadata(
            create_time=_now(), target=target, verb=verb, api_version="v1", status_detail="In progress."
        )
        operation = operations_pb2.Operation(name=name)
        operation.metadata.Pack(redis_v1.OperationMetadata.pb(metadata))
        self._operations[name] = operation
        self._tasks[name] = asyncio.create_task(self._run(operation, metadata, work))
        return operation

    async def _run(
        self,
        operation: operations_pb2.Operation,
        metadata: redis_v1.OperationMetadata,
        work: Callable[[], Awaitable[redis_v1.Instance | None]],
    ) -> None:
        try:
            instance = await work()
        except ApiError as error:
            operation.error.CopyFrom(error.status)
        except Exception as error:
            _log.exception("An operation of the emulator failed")
            operation.error.CopyFrom(status_pb2.Status(code=code_pb2.INTERNAL, message=str(error)))
        else:
            operation.response.Pack(empty_pb2.Empty() if instance is None else redis_v1.Instance.pb(instance))
        metadata.end_time = _now()
        metadata.status_detail = "Failed." if operation.HasField("error") else "Done."
        operation.metadata.Pack(redis_v1.OperationMetadata.pb(metadata))
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
        """Refuse: no operation of this service can be cancelled."""
        self.get(name)
        raise ApiError(grpc.StatusCode.UNIMPLEMENTED, "Operations of Memorystore for Redis can't be cancelled.")

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


def _now() -> timestamp_pb2.Timestamp:
    now = timestamp_pb2.Timestamp()
    now.GetCurrentTime()
    return now
