"""What has to be true of a thread's hash whenever nothing is being written to it, read field by field."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import redis
from langgraph.checkpoint.serde.base import SerializerProtocol


def check(client: Any, key: str, serde: SerializerProtocol, keep: int | None) -> None:
    """See that a thread holds what its records name, and nothing else."""
    fields: dict[str, bytes] = {
        field.decode(): value for field, value in client.execute_command("HGETALL", key, **_RAW).items()
    }
    if not fields:
        assert not client.exists(key)
        return
    spaces = fields.pop("namespaces").decode().split()
    assert len(set(spaces)) == len(spaces) > 0
    assert re.fullmatch(r"[0-9a-f]{8}", fields.pop("life").decode())
    assert int(fields.pop("swept", b"0")) >= 0
    following = {name[5:]: int(fields.pop(name)) for name in list(fields) if name.startswith("next:")}
    values: set[str] = set()
    frames: set[str] = set()
    for name in [name for name in fields if "@" in name]:
        channel, _, number = name.rpartition("@")
        assert int(number) < following[channel], f"{name} has a number that is still to be given"
        (values if channel else frames).add(name)
        del fields[name]
    named: set[str] = set()
    framed: Counter[str] = Counter()
    for space in spaces:
        ids = fields.pop(f"ids{space}").decode().split()
        assert ids == sorted(set(ids), reverse=True)
        assert ids
        records = {}
        for one in ids:
            record, writes = fields.pop(f"checkpoint:{one}{space}", None), fields.pop(f"writes:{one}{space}", None)
            assert record or writes, f"{one} is listed, and nothing is there of it"
            framed.update(f"@{number}" for number in (writes.decode().split(",") if writes else ()))
            if record:
                records[one] = record
                named.update(_named(record))
        if keep:
            _check_keep(records, serde, keep)
    assert not fields, f"belongs to nothing: {fields}"
    assert named == values, f"lost: {named - values}, of no use: {values - named}"
    assert set(framed) == frames
    assert set(framed.values()) <= {1}


_RAW: dict[str, Any] = {redis.client.NEVER_DECODE: True}


def _named(record: bytes) -> Iterator[str]:
    for channel in record.partition(b"\n")[0].decode().split(" ")[3:]:
        name, _, numbers = channel.partition("=")
        for part in filter(None, numbers.split(",")):
            first, _, last = part.partition("-")
            yield from (f"{name}@{number}" for number in range(int(first), int(last or first) + 1))


def _check_keep(records: dict[str, bytes], serde: SerializerProtocol, keep: int) -> None:
    """No more checkpoints than `keep`, and of others only what their delta channels are rebuilt from."""
    parents = {one: record.split(b" ")[1].decode() for one, record in records.items()}
    listed = [one for one, record in records.items() if not record.split(b" ")[2].startswith(b"-")]
    assert len(listed) <= keep
    needed = set(listed)
    for one in listed:
        kind, _, data = records[one].partition(b"\n")[2].partition(b":")
        body: Any = serde.loads_typed((kind.decode(), data))
        counters = body["metadata"].get("counters_since_delta_snapshot", {})
        steps = [steps for channel, (_, steps) in counters.items() if channel in body["checkpoint"]["channel_versions"]]
        ancestor = one
        for _ in range(max(steps, default=0)):
            needed.add(ancestor := parents.get(ancestor, ""))
    assert set(records) <= needed, f"needed by nothing: {set(records) - needed}"
