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


def record(kind: str, content: str, **fields: Any) -> str:
    """A message as LangChain writes it."""
    data: dict[str, Any] = {
        "content": content,
        "additional_kwargs": {},
        "response_metadata": {},
        "type": kind,
        "name": None,
        "id": None,
    }
    return json.dumps({"type": kind, "data": data | fields})


def answer(content: str, *tool_calls: Any) -> str:
    """A message as ChatOpenAI returns it: what it was asked for, and what it tells of itself."""
    prompt, completion = {"audio_tokens": 0, "cached_tokens": 1024}, {"audio_tokens": 0, "reasoning_tokens": 64}
    tokens = {"prompt_tokens": 1203, "completion_tokens": 178, "total_tokens": 1381}
    return record(
        "ai",
        content,
        additional_kwargs={"refusal": None},
        response_metadata={
            "token_usage": tokens | {"prompt_tokens_details": prompt, "completion_tokens_details": completion},
            "model_provider": "openai",
            "model_name": "gpt-4o-mini-2024-07-18",
            "system_fingerprint": "fp_0aa8d3e20b",
            "id": "chatcmpl-CAbK3mZ0yV2n5dXwqT8sLr7uJfEhG",
            "service_tier": "default",
            "finish_reason": "tool_calls" if tool_calls else "stop",
            "logprobs": None,
        },
        id="lc_run--6f1c2a44-0f0e-4d57-9a53-1f5a7f0f6a3b-0",
        tool_calls=tool_calls,
        invalid_tool_calls=[],
        usage_metadata={
            "input_tokens": 1203,
            "output_tokens": 178,
            "total_tokens": 1381,
            "input_token_details": {"audio": 0, "cache_read": 1024},
            "output_token_details": {"audio": 0, "reasoning": 64},
        },
    )


CALL = {"name": "weather", "args": {"city": "Dakar", "days": 3}, "id": "call_9HcL2vYt0QxK1nRz", "type": "tool_call"}
# What is stored: texts alone, and a turn as models and tools return it.
BARE = [record("human", TEXT)] * 2
REAL = [
    record("human", TEXT),
    answer("", CALL),
    record("tool", TEXT, name="weather", tool_call_id=CALL["id"], artifact=None, status="success"),
    answer(TEXT),
]


def messages_of(records: list[str]) -> list[Any]:
    """What is written: the messages of records, or a bare question and its answer."""
    from langchain_core.messages import AIMessage, HumanMessage, messages_from_dict

    if records is BARE:
        return [HumanMessage(TEXT), AIMessage(TEXT)]
    return messages_from_dict(list(map(json.loads, records)))


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


def turns(subject: Any, messages: list[Any], floor: Floor, records: list[str]) -> dict[str, float]:
    """Turns, and beside ours the same trips bare, one after the other.

    How long a round trip takes depends on what the process did before it: one that does nothing else finds the
    server awake. So the floor takes turns with what it is compared with.
    """
    if type(subject) is not Ours:
        return {"": timed(lambda: subject.turn(messages), repeat=TURNS)}
    ours, bare = [], []
    for _ in range(TURNS):
        ours.append(timed(lambda: subject.turn(messages)))
        bare.append(timed(lambda: floor.turn(records)))
    return {"": sum(ours) / TURNS, "floor": sum(bare) / TURNS}


def all_at_once(subject: Any, messages: list[Any]) -> None:
    """500 turns in one event loop."""

    async def gather() -> None:
        await asyncio.gather(*(subject.async_turn(messages) for _ in range(500)))

    asyncio.run(gather())


def append(subject: Any, messages: list[Any], *_: Any) -> dict[str, float]:
    """2,000 messages in one call."""
    many = messages * (2000 // len(messages))
    return {"": timed(lambda: subject.append(many), 2000)}


def read(subject: Any, *_: Any) -> dict[str, float]:
    """All 2,000."""
    return {"": timed(subject.read, 2000)}


# For each piece of work: what is stored, how many of it before, and the measurement.
TASKS: dict[str, tuple[list[str], int, Callable[[Any, list[Any], Floor, list[str]], dict[str, float]]]] = {
    "append 2,000": (BARE, 0, append),
    "append 2,000 real": (REAL, 0, append),
    "read 2,000": (BARE, 2000, read),
    "read 2,000 real": (REAL, 2000, read),
    "last 20 of 2,000": (BARE, 2000, lambda subject, *_: {"": timed(subject.last, repeat=20)}),
    "turn at 20": (BARE, 20, turns),
    "turn at 20 real": (REAL, 20, turns),
    "turn at 100": (BARE, 100, turns),
    "turn at 100,000": (BARE, 100_000, turns),
    "500 async turns": (BARE, 20, lambda subject, pair, *_: {"": timed(lambda: all_at_once(subject, pair), 500)}),
}


def fill(client: Any, key: str, count: int, records: list[str]) -> None:
    """Have `count` messages under a key."""
    client.delete(key)
    for first in range(0, count, 1000):
        size = min(1000, count - first)
        client.rpush(key, *records * (size // len(records)))


def main() -> None:
    """Answer until standard input ends."""
    name, url = sys.argv[1:]
    floor = Floor(url)
    kinds = {"ours": Ours, "community": Community, "memorystore": Memorystore}
    subject: Any = kinds[name](url) if name in kinds else floor
    with redis.Redis.from_url(url) as client:
        for line in sys.stdin:
            records, stored, measurement = TASKS[line.strip()]
            messages = messages_of(records) if name in kinds else records
            for key in {subject.key, floor.key}:
                fill(client, key, stored, records)
            time.sleep(0.2)  # the server gives freed memory back in the background
            print(json.dumps(measurement(subject, messages, floor, records)), flush=True)
        client.delete(subject.key, floor.key)


if __name__ == "__main__":
    main()
