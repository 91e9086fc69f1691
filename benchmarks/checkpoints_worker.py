"""One checkpointer under measurement: has an agent go on with a thread as many turns as each line says.

    checkpoints_worker.py SAVER OPTIONS URL THREAD QUESTION ANSWER

Runs in the environment of the package it measures, and so imports nothing of the kit unless it measures the kit.
OPTIONS is JSON; so are question and answer, messages as LangChain writes them.
"""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, messages_from_dict
from langchain_core.outputs import ChatGeneration, ChatResult

Work = Callable[[int], dict[str, float]]
ANSWER: dict[str, Any] = {}


class Model(BaseChatModel):
    """Answers always the same, with a name of its own, as models do."""

    @property
    def _llm_type(self) -> str:
        return "benchmark"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=message(ANSWER))])


def message(record: dict[str, Any]) -> Any:
    """A new message, as it is written in a record but for its ID, which an agent would give it otherwise."""
    made: BaseMessage = messages_from_dict([record])[0]
    made.id = f"lc_run--{uuid.uuid4()}" if made.type == "ai" else str(uuid.uuid4())
    return made


def count_round_trips() -> Callable[[], int]:
    """How often a client has sent something and waited, from now on: a pipeline once."""
    sent = 0

    def counted(send: Callable[..., Any]) -> Callable[..., Any]:
        def send_and_count(*arguments: Any, **options: Any) -> Any:
            nonlocal sent
            sent += 1
            return send(*arguments, **options)

        return send_and_count

    for name in ("redis.connection", "valkey.connection"):
        if module := sys.modules.get(name):
            connection: Any = module.AbstractConnection
            connection.send_packed_command = counted(connection.send_packed_command)
    return lambda: sent


def saver(name: str, options: dict[str, Any], url: str, thread: str) -> Any:
    """The checkpointer, its keys distinguished by the thread's name."""
    if name == "plainredis":
        from langgraph_checkpoint_plainredis import RedisSaver as Plain  # type: ignore[import-not-found]

        return Plain(url=url, prefix=thread)
    if name == "valkey":
        import valkey
        from langgraph_checkpoint_aws import ValkeySaver  # type: ignore[import-not-found]

        return ValkeySaver(valkey.Valkey.from_url(url))
    if name == "memory":
        from langgraph.checkpoint.memory import InMemorySaver

        return InMemorySaver()
    from helpers import RedisSaver as Ours

    return Ours(url, **options)


def turn_of(kept_by: Any, options: dict[str, Any], url: str, thread: str, question: Any) -> Callable[[], Any]:
    """One turn of a conversation: of an agent, or without a saver with the kit's list."""
    config = {"configurable": {"thread_id": thread}}
    if kept_by:
        from langchain.agents import create_agent

        agent: Any = create_agent(Model(), [], checkpointer=kept_by)
        return lambda: agent.invoke({"messages": [message(question)]}, config)
    from helpers import RedisChatMessageHistory

    history, model = RedisChatMessageHistory(thread, url, **options), Model()

    def turn() -> None:
        asked = message(question)
        history.add_messages([asked, model.invoke([*history.messages, asked])])

    return turn


def held(kept_by: Any) -> int:
    """The bytes that InMemorySaver holds of the only thread, without what Python's objects add."""

    def leaves(value: Any) -> Iterator[int]:
        if isinstance(value, dict):
            value = value.values()
        if isinstance(value, (str, bytes)):
            yield len(value)
        elif hasattr(value, "__iter__"):
            for one in value:
                yield from leaves(one)

    return sum(leaves([kept_by.storage, kept_by.blobs, kept_by.writes]))


def conversation(turn: Callable[[], Any], trips: Callable[[], int]) -> Work:
    """The agent goes on so many turns."""

    def work(turns: int) -> dict[str, float]:
        before, started = trips(), time.perf_counter()
        cpu = time.process_time()
        for _ in range(turns):
            turn()
        cpu = time.process_time() - cpu
        return {"cpu": cpu, "wall": time.perf_counter() - started, "trips": trips() - before}

    return work


def written(kept_by: Any, thread: str, question: dict[str, Any]) -> Work:
    """A thread written through the saver alone, one checkpoint a turn, as an agent with durability="exit" does."""
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.base.id import uuid6

    messages: list[Any] = []
    config: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}

    def work(turns: int) -> dict[str, float]:
        nonlocal config
        new = [message(record) for _ in range(turns) for record in (question, ANSWER)]
        started = time.perf_counter()
        for place in range(0, len(new), 2):
            messages.extend(new[place : place + 2])
            step = len(messages) // 2
            values = {"channel_values": {"messages": messages}, "channel_versions": {"messages": step}}
            checkpoint = empty_checkpoint() | {"id": str(uuid6(clock_seq=step))} | values
            config = kept_by.put(
                config, checkpoint, {"source": "loop", "step": step, "parents": {}}, {"messages": step}
            )
        return {"wall": time.perf_counter() - started}

    return work


def read(kept_by: Any, thread: str) -> Work:
    """The newest checkpoint of a thread, in a process that knows nothing of it."""

    def work(_: int) -> dict[str, float]:
        started = time.perf_counter()
        found = kept_by.get_tuple({"configurable": {"thread_id": thread}})
        seconds = time.perf_counter() - started
        return {"wall": seconds, "messages": len(found.checkpoint["channel_values"]["messages"])}

    return work


def main() -> None:
    """Answer until standard input ends."""
    name, options, url, thread, question, answer = sys.argv[1:]
    ANSWER.update(json.loads(answer))
    settings, asked = json.loads(options), json.loads(question)
    kept_by = None if name == "list" else saver(name, settings, url, thread)
    if name == "written":
        work = written(kept_by, thread, asked)
    elif name == "read":
        work = read(kept_by, thread)
    else:
        work = conversation(turn_of(kept_by, settings, url, thread, asked), count_round_trips())
    for line in sys.stdin:
        done = work(int(line))
        if name == "memory":
            done["bytes"] = held(kept_by)
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
