"""What LangGraph asks of a checkpointer, asked of ours.

    python -m tests.support.conformance URL

tells it as JSON, from an environment of older packages.
"""

import asyncio
import json
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.report import ProgressCallbacks

from helpers import RedisSaver, connect

ASKED = {
    "put": 17,
    "put_writes": 10,
    "get_tuple": 10,
    "list": 16,
    "delete_thread": 5,
    "delete_for_runs": 7,
    "copy_thread": 8,
    "prune": 8,
}
"""How many tests LangGraph's suite has, by capability. It leaves out what it takes for not implemented."""
assert sum(ASKED.values()) == 81


class Synchronous(RedisSaver):
    """The suite calls what is asynchronous; this answers by what is not."""

    async def aget_tuple(self, config: Any) -> Any:
        return self.get_tuple(config)

    async def alist(self, config: Any, **wanted: Any) -> AsyncIterator[Any]:
        for found in self.list(config, **wanted):
            yield found

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        return self.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        self.put_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        self.delete_thread(thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        self.delete_for_runs(run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self.copy_thread(source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self.prune(thread_ids, strategy=strategy)


def passed(client: Any, kind: type[RedisSaver] = RedisSaver, **options: Any) -> tuple[dict[str, int], list[str]]:
    """How many of its tests each capability passes, and what is wrong with the others.

    Args:
        client: Of the server.
        kind: The saver's class.
        options: The saver's.
    """
    wrong: list[str] = []
    counts: Counter[str] = Counter()

    @checkpointer_test(name=kind.__name__)
    async def saver() -> AsyncIterator[RedisSaver]:
        yield kind(client, key_prefix=f"{secrets.token_hex(4)}:", **options)  # each capability without the others'

    def told(capability: str, test: str, good: bool, error: str | None) -> None:
        if good:
            counts[capability] += 1
        else:
            wrong.append(f"{capability}, {test}: {error}")

    asyncio.run(validate(saver, progress=ProgressCallbacks(on_test_result=told)))
    return dict(counts), wrong


def main() -> None:
    with connect(sys.argv[1]) as client:
        json.dump([passed(client), passed(client, Synchronous, keep=20, ttl=100)], sys.stdout)


if __name__ == "__main__":
    main()
