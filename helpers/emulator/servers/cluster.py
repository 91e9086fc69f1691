"""How nodes become a cluster, and how its shards and replicas come and go."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

from helpers.emulator.servers.nodes import Node, until

Shard = list[Node]
"""A primary, and its replicas after it."""

_SLOTS = 16384
_KEYS = 100
"""How many keys of a slot are moved at once."""
# In milliseconds. Nodes talk to each other twice in that time at least; who is silent for longer counts as failed,
# which on a busy machine may be anybody.
_TALKATIVE, _PATIENT = 1000, 15000


async def join(shards: Sequence[Shard]) -> None:
    """Make one cluster of nodes that don't know each other yet, and return when clients may use it."""
    for number, (primary, *_) in enumerate(shards):
        await primary.run("CLUSTER", "ADDSLOTSRANGE", *_share(number, len(shards)))
        await primary.run("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    await introduce([node for shard in shards for node in shard])
    for shard in shards:
        await follow(shard, shard[1:])
    await settled(shards)


async def introduce(nodes: Sequence[Node]) -> None:
    """Have all nodes know each other and serve clients, and talk much until they are `settled`."""
    await asyncio.gather(*(node.run("CONFIG", "SET", "cluster-node-timeout", _TALKATIVE) for node in nodes))
    for one, other in itertools.combinations(nodes, 2):
        await one.run("CLUSTER", "MEET", *other.address, other.bus_port)
    ids = {await node.id() for node in nodes}

    async def acquainted() -> bool:
        return all([ids <= await _known(node) and await _is_up(node) for node in nodes])

    await until(acquainted)


async def follow(shard: Shard, replicas: Sequence[Node]) -> None:
    """Have nodes replicate a shard's primary."""
    primary = await shard[0].id()
    await asyncio.gather(*(replica.run("CLUSTER", "REPLICATE", primary) for replica in replicas))
    for replica in replicas:
        await until(replica.in_step)


async def spread(nodes: Sequence[Node], primaries: Sequence[Node]) -> None:
    """Have the slots, and the keys in them, evenly with some of a cluster's primaries.

    Args:
        nodes: Every node of the cluster.
        primaries: Those that are to have the slots.
    """
    by_id = {await node.id(): node for node in nodes}
    ranges = await _ranges(nodes[0])
    for number, target in enumerate(primaries):
        first, last = _share(number, len(primaries))
        for start, end, (_, _, owner, *_), *_ in ranges:
            low, high = max(first, start), min(last, end)
            if low <= high and by_id[owner] is not target:
                move = _move if target.engine == "valkey" else _move_one_by_one
                await move(low, high, by_id[owner], target, nodes)


async def _move(first: int, last: int, source: Node, target: Node, nodes: Sequence[Node]) -> None:
    """Move slots with their keys, in one go: https://valkey.io/topics/atomic-slot-migration."""
    await source.run("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", first, last, "NODE", await target.id())

    async def moved() -> bool:
        migrations: list[list[Any]] = await source.run("CLUSTER", "GETSLOTMIGRATIONS")
        told = [dict(zip(fields[::2], fields[1::2], strict=True)) for fields in migrations]
        for migration in told:
            if migration["state"] in ("failed", "cancelled"):
                raise RuntimeError(f"Slots {first} to {last} could not be moved: {migration['message']}")
        return all(migration["state"] == "success" for migration in told)

    await until(moved)


async def _move_one_by_one(first: int, last: int, source: Node, target: Node, nodes: Sequence[Node]) -> None:
    """The same for an engine that moves key by key: https://redis.io/docs/latest/commands/cluster-setslot/."""
    slots, old, new = range(first, last + 1), await source.id(), await target.id()
    await target.run_all([("CLUSTER", "SETSLOT", slot, "IMPORTING", old) for slot in slots])
    await source.run_all([("CLUSTER", "SETSLOT", slot, "MIGRATING", new) for slot in slots])
    for slot in slots:
        while keys := await source.run("CLUSTER", "GETKEYSINSLOT", slot, _KEYS):
            await source.hand_over(keys, target)
    others = [node for node in nodes if node not in (source, target) and await node.is_primary()]
    for node in (target, source, *others):
        await node.run_all([("CLUSTER", "SETSLOT", slot, "NODE", new) for slot in slots])


async def forget(shards: Sequence[Shard], gone: Sequence[Node]) -> None:
    """End nodes that serve no slots any more, and have the others not know them."""
    ids = [await node.id() for node in gone]
    await asyncio.gather(*(node.close() for node in gone))
    for node in (node for shard in shards for node in shard):
        for one in ids:
            await node.run("CLUSTER", "FORGET", one)


async def settled(shards: Sequence[Shard]) -> None:
    """Wait until every node tells clients of all of them, at the addresses that clients reach."""
    expected = {node.listener.address for shard in shards for node in shard if node.listener is not None}
    nodes = [node for shard in shards for node in shard]

    async def told() -> bool:
        for node in nodes:
            shown = {(host, port) for _, _, *group in await _ranges(node) for host, port, *_ in group}
            if shown != expected or not await _is_up(node):
                return False
        return True

    await until(told)
    await asyncio.gather(*(node.run("CONFIG", "SET", "cluster-node-timeout", _PATIENT) for node in nodes))


def _share(number: int, count: int) -> tuple[int, int]:
    """The first and the last slot of one of so many shards."""
    return number * _SLOTS // count, (number + 1) * _SLOTS // count - 1


async def _ranges(node: Node) -> list[Any]:
    """Who has which slots, as a node sees it: the first, the last, the primary and its replicas."""
    ranges: list[Any] = await node.run("CLUSTER", "SLOTS")
    return ranges


async def _is_up(node: Node) -> bool:
    """Whether a node serves clients: it knows of somebody for every slot, and has waited a while."""
    return "cluster_state:ok" in await node.run("CLUSTER", "INFO")


async def _known(node: Node) -> set[str]:
    """The IDs of the nodes that a node has met."""
    lines: str = await node.run("CLUSTER", "NODES")
    return {line.split()[0] for line in lines.splitlines() if "handshake" not in line}
