"""``google.cloud.memorystore.v1.Memorystore``: Memorystore for Valkey."""

import asyncio
import re
from collections import defaultdict

import grpc
from google.cloud import memorystore_v1
from google.longrunning import operations_pb2

from helpers.emulator.api.errors import VALKEY, invalid, not_found, not_possible_now
from helpers.emulator.api.operations import Operations
from helpers.emulator.servers import valkey_instance
from helpers.emulator.servers.certificates import Authority
from helpers.emulator.servers.instances import Settings
from helpers.emulator.servers.tokens import AccessTokens
from helpers.emulator.servers.valkey_instance import AuthorizationMode, State, ValkeyInstance
from helpers.emulator.services.instances import SHARED_LOCATION, InstancesService
from helpers.emulator.services.serving import handler, page, parts, refuse_filters
from helpers.emulator.services.token_auth import TokenAuth

CertificateAuthority = memorystore_v1.CertificateAuthority
SharedAuthority = memorystore_v1.SharedRegionalCertificateAuthority
Instance = memorystore_v1.Instance


class Memorystore(InstancesService[ValkeyInstance]):
    """The API of Memorystore for Valkey, and its instances.

    Args:
        settings: How instances are made.
        operations: Where its operations go.
        token_seconds: How long access tokens are good for.

    Attributes:
        tokens: The access tokens that its instances accept.
    """

    api = VALKEY
    # By the reference of CreateInstanceRequest.
    ids = re.compile(r"[a-z0-9](?:[a-z0-9-]{2,61}[a-z0-9])")
    id_rule = (
        "it must be 4 to 63 lowercase letters, digits and hyphens, begin with a letter or a digit and not end with "
        "a hyphen."
    )

    def __init__(self, settings: Settings, operations: Operations, *, token_seconds: float) -> None:
        super().__init__(settings, operations)
        self.tokens = AccessTokens(token_seconds, self._tell_tokens)
        self._regional: defaultdict[str, list[Authority]] = defaultdict(lambda: [Authority()])

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server needs to serve this."""
        v1 = memorystore_v1
        return handler(
            "google.cloud.memorystore.v1.Memorystore",
            self.api,
            {
                "ListInstances": (self.list_instances, v1.ListInstancesRequest),
                "GetInstance": (self.get_instance, v1.GetInstanceRequest),
                "CreateInstance": (self.create_instance, v1.CreateInstanceRequest),
                "UpdateInstance": (self.update_instance, v1.UpdateInstanceRequest),
                "DeleteInstance": (self.delete_instance, v1.DeleteInstanceRequest),
                "GetCertificateAuthority": (self.get_certificate_authority, v1.GetCertificateAuthorityRequest),
                "GetSharedRegionalCertificateAuthority": (
                    self.get_shared_regional_certificate_authority,
                    v1.GetSharedRegionalCertificateAuthorityRequest,
                ),
                **TokenAuth(self).methods(),
            },
        )

    def make(self, name: str, wanted: memorystore_v1.Instance) -> ValkeyInstance:
        """An instance as a caller wants it, not yet started."""
        valkey_instance.check(wanted, name, self.settings)
        return ValkeyInstance(name, wanted, self.settings, self._regional[name.split("/")[3]], self.tokens.good)

    def shared(self) -> ValkeyInstance:
        """The instance of the project whose account may create none, not yet started."""
        users = self.settings.engine != "fakeredis"
        wanted = Instance(
            mode=Instance.Mode.CLUSTER_DISABLED,
            node_type=Instance.NodeType.SHARED_CORE_NANO,
            authorization_mode=AuthorizationMode.IAM_AUTH if users else AuthorizationMode.AUTH_DISABLED,
            transit_encryption_mode=Instance.TransitEncryptionMode.SERVER_AUTHENTICATION,
            psc_auto_connections=[
                {"project_id": "viewer-only", "network": "projects/viewer-only/global/networks/default"}
            ],
        )
        return self.make(f"{SHARED_LOCATION}/instances/shared-valkey", wanted)

    async def close(self) -> None:
        """End every instance, and forget the tokens."""
        await self.tokens.close()
        await super().close()

    async def list_instances(
        self, request: memorystore_v1.ListInstancesRequest
    ) -> memorystore_v1.ListInstancesResponse:
        found, unreachable = await self.listed(request.parent)
        refuse_filters(request)
        shown, token = page(found, request)
        return memorystore_v1.ListInstancesResponse(instances=shown, next_page_token=token, unreachable=unreachable)

    async def get_instance(self, request: memorystore_v1.GetInstanceRequest) -> memorystore_v1.Instance:
        return (await self.found(request.name, "instances.get")).record

    async def create_instance(self, request: memorystore_v1.CreateInstanceRequest) -> operations_pb2.Operation:
        return self.create(request)

    async def update_instance(self, request: memorystore_v1.UpdateInstanceRequest) -> operations_pb2.Operation:
        instance = await self.found(request.instance.name, "instances.update")
        paths, wanted = list(request.update_mask.paths), request.instance
        changed = instance.changed(paths, wanted)
        instance.check_ready()
        instance.announce(changed)
        return self.update(instance, State.UPDATING, lambda: instance.update(paths, wanted))

    async def delete_instance(self, request: memorystore_v1.DeleteInstanceRequest) -> operations_pb2.Operation:
        instance = await self.found(request.name, "instances.delete")
        instance.check_deletion()
        return self.delete(instance, State.DELETING)

    async def get_certificate_authority(
        self, request: memorystore_v1.GetCertificateAuthorityRequest
    ) -> memorystore_v1.CertificateAuthority:
        name = _owner(request.name, "certificateAuthority")
        instance = await self.found(name, "certificateAuthority.get")
        if not instance.encrypted:
            raise not_found(request.name)
        if instance.authorities is self._regional.get(name.split("/")[3]):
            raise not_possible_now(name, f"Instance '{name}' uses the shared certificate authority of its region.")
        managed = CertificateAuthority.ManagedCertificateAuthority
        return CertificateAuthority(
            name=request.name,
            managed_server_ca=managed(
                ca_certs=[managed.CertChain(certificates=[each.pem]) for each in instance.authorities]
            ),
        )

    async def get_shared_regional_certificate_authority(
        self, request: memorystore_v1.GetSharedRegionalCertificateAuthorityRequest
    ) -> memorystore_v1.SharedRegionalCertificateAuthority:
        project, region = parts(_owner(request.name, "sharedRegionalCertificateAuthority"), "locations")
        self.may(project, region, "sharedRegionalCertificateAuthority.get")
        managed = SharedAuthority.RegionalManagedCertificateAuthority
        chains = [managed.RegionalCertChain(certificates=[each.pem]) for each in self._regional[region]]
        return SharedAuthority(name=request.name, managed_server_ca=managed(ca_certs=chains))

    async def _tell_tokens(self) -> None:
        """Have the instances know which access tokens are good."""
        told = (each.tell_users() for each in self.instances.values() if each.accepts_access_tokens)
        await asyncio.gather(*told)


def _owner(name: str, singleton: str) -> str:
    """What the one resource of its kind belongs to.

    Raises:
        ApiError: INVALID_ARGUMENT: the name is another resource's.
    """
    owner, _, last = name.rpartition("/")
    if last != singleton:
        raise invalid("name", f"'{name}' does not end in /{singleton}.")
    return owner
