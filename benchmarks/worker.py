"""One implementation under measurement: reads a task a line, answers with its seconds.

Runs in the environment of the package it measures, and so imports nothing of the kit unless it measures the kit.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import redis

TEXT = "x" * 500
TURNS = 100
SESSION = "benchmark"
RECORD = json.dumps(
    {
        "type": "human",
        "data": {
            "content": TEXT,
            "additional_kwargs": {},
            "response_metadata": {},
            "type": "human",
            "name": None,
            "id": None,
        },
    }
)


def question_and_answer() -> list[Any]:
    """A turn's two messages."""
    from langchain_core.messages import AIMessage, HumanMessage

    return [HumanMessage(TEXT), AIMessage(TEXT)]


class Ours:
    """The histories of this kit, opened by URL for every turn, as a web application does."""

    def __init__(self, url: str) -> None:
        from helpers import RedisChatMessageHistory

        self.open: Callable[..., Any] = lambda **options: RedisChatMessageHistory(SESSION, url, **options)
        self.key = f"message_store:{SESSION}"

    def append(self, messages: list[Any]) -> None:
        self.open().add_messages(messages)

    def read(self) -> None:
        _ = self.open().messages

    def last(self) -> None:
        _ = self.open(window=20).messages

    def turn(self, messages: list[Any]) -> None:
        history = self.open(window=20, ttl=3600)
        _ = history.messages
        history.add_messages(messages)

    async def async_turn(self, messages: list[Any]) -> None:
        history = self.open(window=20, ttl=3600)
        await history.aget_messages()
        await history.aadd_messages(messages)


class Community(Ours):
    """The class of langchain_community, likewise; it reads all and slices."""

    def __init__(self, url: str) -> None:
        import warnings

        warnings.simplefilter("ignore")
        from langchain_community.chat_message_histories import RedisChatMessageHistory

        self.open = lambda **options: RedisChatMessageHistory(SESSION, url, **options)
        self.key = f"message_store:{SESSION}"

    def last(self) -> None:
        _ = self.open().messages[-20:]

    def turn(self, messages: list[Any]) -> None:
        history = self.open(ttl=3600)
        _ = history.messages[-20:]
        history.add_messages(messages)

    async def async_turn(self, messages: list[Any]) -> None:
        history = self.open(ttl=3600)
        (await history.aget_messages())[-20:]
        await history.aadd_messages(messages)


class Memorystore(Community):
    """The class of langchain_google_memorystore_redis, on one client, as it asks for."""

    def __init__(self, url: str) -> None:
        from langchain_google_memorystore_redis import MemorystoreChatMessageHistory

        client = redis.from_url(url)
        self.open = lambda **options: MemorystoreChatMessageHistory(client, SESSION, **options)
        self.key = SESSION


class Floor:
    """Bare redis-py with the bytes prepared beforehand: as many trips, and nothing else."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url, protocol=2)
        self.key = f"{SESSION}-floor"

    def append(self, records: list[Any]) -> None:
        self.client.rpush(self.key, *records)

    def read(self) -> None:
        self.client.lrange(self.key, 0, -1)

    def last(self) -> None:
        self.client.lrange(self.key, -20, -1)

    def turn(self, records: list[Any]) -> None:
        self.client.lrange(self.key, -20, -1)
        self.client.rpush(self.key, *records)


def timed(work: Callable[[], object], units: int = 1, repeat: int = 1) -> float:
    """Seconds a unit."""
    started = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - started) / (units * repeat)


def turns(subject: Any, pair: list[Any], floor: Floor) -> dict[str, float]:
    """Turns, and beside ours the same trips bare, one after the other.

    How long a round trip takes depends on what the process did before it: one that does nothing else finds the
    server awake. So the floor takes turns with what it is compared with.
    """
    if type(subject) is not Ours:
        return {"": timed(lambda: subject.turn(pair), repeat=TURNS)}
    ours, bare = [], []
    for _ in range(TURNS):
        ours.append(timed(lambda: subject.turn(pair)))
        bare.append(timed(lambda: floor.turn([RECORD, RECORD])))
    return {"": sum(ours) / TURNS, "floor": sum(bare) / TURNS}


def all_at_once(subject: Any, messages: list[Any]) -> None:
    """500 turns in one event loop."""

    async def gather() -> None:
        await asyncio.gather(*(subject.async_turn(messages) for _ in range(500)))

    asyncio.run(gather())


# For each piece of work: how many messages are stored before it, and the measurement.
TASKS: dict[str, tuple[int, Callable[[Any, list[Any], Floor], dict[str, float]]]] = {
    "append 2,000": (0, lambda subject, pair, floor: {"": timed(lambda: subject.append(pair * 1000), 2000)}),
    "read 2,000": (2000, lambda subject, pair, floor: {"": timed(subject.read, 2000)}),
    "last 20 of 2,000": (2000, lambda subject, pair, floor: {"": timed(subject.last, repeat=20)}),
    "turn at 20": (20, turns),
    "turn at 100": (100, turns),
    "turn at 100,000": (100_000, turns),
    "500 async turns": (20, lambda subject, pair, floor: {"": timed(lambda: all_at_once(subject, pair), 500)}),
}


def fill(client: Any, key: str, count: int) -> None:
    """Have `count` messages under a key."""
    client.delete(key)
    for first in range(0, count, 1000):
        client.rpush(key, *[RECORD] * min(1000, count - first))


def main() -> None:
    """Answer until standard input ends."""
    name, url = sys.argv[1:]
    floor = Floor(url)
    kinds = {"ours": Ours, "community": Community, "memorystore": Memorystore}
    subject: Any = kinds[name](url) if name in kinds else floor
    pair = question_and_answer() if name in kinds else [RECORD, RECORD]
    with redis.Redis.from_url(url) as client:
        for line in sys.stdin:
            stored, measurement = TASKS[line.strip()]
            for key in {subject.key, floor.key}:
                fill(client, key, stored)
            time.sleep(0.2)  # the server gives freed memory back in the background
            print(json.dumps(measurement(subject, pair, floor)), flush=True)
        client.delete(subject.key, floor.key)


if __name__ == "__main__":
    main()
