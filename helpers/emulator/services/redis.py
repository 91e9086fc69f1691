"""``google.cloud.redis.v1.CloudRedis``: Memorystore for Redis."""

import asyncio
import re

import grpc
from google.cloud import redis_v1
from google.longrunning import operations_pb2

from helpers.emulator.api.errors import REDIS
from helpers.emulator.servers import redis_instance
from helpers.emulator.servers.redis_instance import RedisInstance, State
from helpers.emulator.services.instances import SHARED_LOCATION, InstancesService
from helpers.emulator.services.serving import handler, name_of, page


class CloudRedis(InstancesService[RedisInstance]):
    """The API of Memorystore for Redis, and its instances."""

    api = REDIS
    ids = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
    id_rule = "it must be 1 to 40 lowercase letters, digits and hyphens: a letter first, and no hyphen last."

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server needs to serve this."""
        return handler(
            "google.cloud.redis.v1.CloudRedis",
            self.api,
            {
                "ListInstances": (self.list_instances, redis_v1.ListInstancesRequest),
                "GetInstance": (self.get_instance, redis_v1.GetInstanceRequest),
                "GetInstanceAuthString": (self.get_instance_auth_string, redis_v1.GetInstanceAuthStringRequest),
                "CreateInstance": (self.create_instance, redis_v1.CreateInstanceRequest),
                "UpdateInstance": (self.update_instance, redis_v1.UpdateInstanceRequest),
                "FailoverInstance": (self.failover_instance, redis_v1.FailoverInstanceRequest),
                "DeleteInstance": (self.delete_instance, redis_v1.DeleteInstanceRequest),
            },
        )

    def make(self, name: str, wanted: redis_v1.Instance) -> RedisInstance:
        """An instance as a caller wants it, not yet started."""
        redis_instance.check(wanted, name.split("/")[3])
        return RedisInstance(name, wanted, self.settings)

    def shared(self) -> RedisInstance:
        """The instance of the project whose account may create none, not yet started."""
        wanted = redis_v1.Instance(
            display_name="An instance to look at",
            tier=redis_v1.Instance.Tier.BASIC,
            memory_size_gb=1,
            auth_enabled=True,
            transit_encryption_mode=redis_v1.Instance.TransitEncryptionMode.SERVER_AUTHENTICATION,
        )
        return self.make(f"{SHARED_LOCATION}/instances/shared", wanted)

    async def list_instances(self, request: redis_v1.ListInstancesRequest) -> redis_v1.ListInstancesResponse:
        found, unreachable = await self.listed(request.parent)
        message = "location not available for ListInstances"
        found += [redis_v1.Instance(name=f"{each}/instances/-", status_message=message) for each in unreachable]
        shown, token = page(sorted(found, key=name_of), request)
        return redis_v1.ListInstancesResponse(instances=shown, next_page_token=token, unreachable=unreachable)

    async def get_instance(self, request: redis_v1.GetInstanceRequest) -> redis_v1.Instance:
        return (await self.found(request.name, "instances.get")).record

    async def get_instance_auth_string(
        self, request: redis_v1.GetInstanceAuthStringRequest
    ) -> redis_v1.InstanceAuthString:
        instance = await self.found(request.name, "instances.getAuthString")
        return redis_v1.InstanceAuthString(auth_string=instance.auth_string)

    async def create_instance(self, request: redis_v1.CreateInstanceRequest) -> operations_pb2.Operation:
        return self.create(request)

    async def update_instance(self, request: redis_v1.UpdateInstanceRequest) -> operations_pb2.Operation:
        instance = await self.found(request.instance.name, "instances.update")
        paths, wanted = list(request.update_mask.paths), request.instance
        instance.changed(paths, wanted)
        return self.update(instance, State.UPDATING, lambda: instance.update(paths, wanted))

    async def failover_instance(self, request: redis_v1.FailoverInstanceRequest) -> operations_pb2.Operation:
        instance = await self.found(request.name, "instances.failover")
        instance.check_failover()
        instance.become(State.FAILING_OVER)
        # Before the call is answered, so that no caller can find the instance still there.
        instance.refuse_connections()

        async def fail_over() -> redis_v1.Instance:
            await asyncio.sleep(self.settings.failover_seconds)
            instance.come_back()
            instance.become(State.READY)
            return instance.record

        return self.start(instance, "failover", fail_over)

    async def delete_instance(self, request: redis_v1.DeleteInstanceRequest) -> operations_pb2.Operation:
        return self.delete(await self.found(request.name, "instances.delete"), State.DELETING)
