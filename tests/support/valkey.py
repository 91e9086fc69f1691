"""Instances of Memorystore for Valkey on an emulator, made as Google's own client makes them."""

from typing import Any

from google.cloud import memorystore_v1

from helpers.memorystore.api.clients import memorystore_client
from tests.conftest import eventually

NAME = "projects/a-project/locations/us-central1/instances/chat"
Instance = memorystore_v1.Instance


def create_valkey(
    name: str = NAME, *, cluster: bool = False, auth: str = "IAM_AUTH", tls: bool = True, **options: Any
) -> Any:
    """Create one, and wait until it can be used.

    Args:
        name: Its full name.
        cluster: Whether cluster mode is enabled: three shards.
        auth: The authorization mode.
        tls: Whether it encrypts.
        options: Further fields of the API's description.

    Returns:
        What the API says of it.
    """
    parent, _, identity = name.partition("/instances/")
    project = name.split("/")[1]
    wanted = Instance(
        mode=Instance.Mode.CLUSTER if cluster else Instance.Mode.CLUSTER_DISABLED,
        node_type=Instance.NodeType.SHARED_CORE_NANO,
        shard_count=3 if cluster else 1,
        authorization_mode=auth,
        transit_encryption_mode="SERVER_AUTHENTICATION" if tls else "TRANSIT_ENCRYPTION_DISABLED",
        psc_auto_connections=[{"project_id": project, "network": f"projects/{project}/global/networks/default"}],
        **options,
    )
    client = memorystore_client(project)
    operation = client.create_instance(parent=parent, instance_id=identity, instance=wanted)
    assert eventually(operation.done, 30)
    operation.result()
    return client.get_instance(name=name)
