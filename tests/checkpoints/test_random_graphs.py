"""Random real graphs on LangGraph's InMemorySaver and on ours at once: every answer has to be the same.

`RANDOM_GRAPHS=500 RANDOM_GRAPHS_FROM=1000 pytest -n 2 tests/checkpoints/test_random_graphs.py` runs others, and more.
"""

import asyncio
import copy
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END
from langgraph.types import Command

from helpers import RedisSaver
from helpers._checkpoints import records
from tests.support.random_graphs import Graph, Plain
from tests.support.threads import check

FIRST = int(os.environ.get("RANDOM_GRAPHS_FROM", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("RANDOM_GRAPHS", "20")))

THREADS = ("bob", "{bob}", "a b\nc", "모두 🧵", "x" * 1000, "thread:bob", "}{", "*?[a]", 7)


class Side:
    """A graph on a saver, and how it is asked.

    Args:
        graph: The graph.
        savers: The savers that take turns.
    """

    def __init__(self, graph: Graph, savers: Callable[[], Any], thread: Any, ways: random.Random) -> None:
        self._graph, self._savers, self._ways = graph, savers, ways
        self.config = {"configurable": {"thread_id": thread}, "recursion_limit": 15}
        self._failures: Counter[Any] = Counter()

    def app(self) -> Any:
        """The graph as it stands in a program that goes on with the thread."""
        return self._graph.build(self._savers(), self._failures)

    def ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        """What a method of the graph answers, or what it raises; the asynchronous one as often as the other."""
        app = self.app()
        if self._ways.random() < 0.5:
            return self._outcome(lambda: _all(getattr(app, method)(*arguments, **named)))
        return self._outcome(lambda: asyncio.run(_aall(getattr(app, "a" + method)(*arguments, **named))))

    @staticmethod
    def _outcome(ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except Exception as error:  # whatever it is, the other side has to raise it too
            return error

    def history(self) -> list[Any]:
        """The states of the thread, newest first."""
        found = self.ask("get_state_history", self.config)
        assert isinstance(found, list), found
        return found


def _all(answer: Any) -> Any:
    return list(answer) if hasattr(answer, "__next__") else answer


async def _aall(answer: Any) -> Any:
    return [one async for one in answer] if hasattr(answer, "__anext__") else await answer


class Comparison:
    """A thread of a random graph on both savers."""

    def __init__(self, seed: int, client: redis.Redis, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        rng = self.rng = random.Random(seed)  # noqa: S311
        self.graph = Graph(seed)
        self.keep = rng.choice((None, None, 3, 8, 20))
        ttl = rng.choice((None, 1000))
        clients = [client, redis.Redis.from_url(url, protocol=rng.choice((2, 3)), decode_responses=rng.random() < 0.5)]
        made = [RedisSaver(one, keep=self.keep, ttl=ttl) for one in clients]
        turns = rng.choice(("one", "one", "cold", "alternating"))
        memory = InMemorySaver()

        def ours() -> RedisSaver:
            if turns == "cold":
                return RedisSaver(client, keep=self.keep, ttl=ttl)
            if turns == "alternating":
                made.reverse()
            return made[0]

        if rng.random() < 0.3:
            monkeypatch.setattr(records, "REMEMBERED_BYTES", rng.choice((1, 1000)))
        self.thread: Any = rng.choice(THREADS)
        self.client, self.ttl, self.memory, self.ours = client, ttl, memory, made[0]
        self.key = self.ours.key(str(self.thread))
        ways = (random.Random(seed) for _ in range(2))  # noqa: S311  # a cancelled task is noted in asyncio alone
        self.sides = [
            Side(self.graph, *how) for how in zip((lambda: memory, ours), [self.thread] * 2, ways, strict=True)
        ]

    def play(self) -> None:
        """Do random things, and compare everything after each."""
        for turn in range(self.rng.randint(3, 7)):
            self._step(turn)
            self.compare()
        if not self.keep:
            self.compare_checkpoints()
            self.compare_copy()
        self.ours.prune([str(self.thread)])
        check(self.client, self.key, self.ours.serde, 1)
        self._both(lambda side: side.ask("get_state", side.config), "the pruned thread")

    def _step(self, turn: int) -> None:
        rng = self.rng
        durability = rng.choice(("sync", "exit") if self.graph.mutates else ("sync", "async", "exit"))
        question = {"messages": [HumanMessage(f"question {turn} " + "q" * rng.choice((3, 90)), id=f"q{turn}")]}
        update = {"messages": [HumanMessage(f"update {turn} " + "u" * 70, id=f"u{turn}")], "log": ["u" * 90, turn]}
        node = rng.choice([name for name, kind in self.graph.nodes.items() if kind not in ("goto",)])
        base = [side.config for side in self.sides]
        histories = [side.history() for side in self.sides]
        waiting = histories[0][0].interrupts if histories[0] else ()
        what = rng.choice(("invoke", "invoke", "stream", "go on", "update", "fork", "replay", "branch", "copy", "end"))
        if waiting and rng.random() < 0.7:
            what = "resume"
        places = min(len(history) for history in histories)
        if self.keep and self.graph.persistent and "sub" in self.graph.nodes.values():
            places = min(places, 1)  # of the subgraph's own checkpoints, too, only so many are kept
        if what in ("fork", "replay", "branch", "copy") and places:
            place = rng.randrange(min(places, self.keep or places))
            for side, history in zip(range(2), histories, strict=True):
                base[side] = {**self.sides[side].config, **history[place].config}
        run = {"durability": durability}
        self.graph.stores = durability != "exit"
        self.said = f"{what} {durability} {node}"

        def step(side: Side) -> Any:
            place = self.sides.index(side)
            config = base[place]
            if what == "resume":
                answers = {one.id: f"answer {turn}" for one in histories[place][0].interrupts}
                return side.ask("invoke", Command(resume=answers), config, **run)
            if what == "stream":
                return side.ask("stream", copy.deepcopy(question), config, stream_mode="values", **run)
            if what in ("go on", "replay"):
                return side.ask("invoke", None, config, **run)
            if what == "copy":
                return _but_config(side.ask("update_state", config, None, as_node="__copy__"))
            if what == "end":
                return _but_config(side.ask("update_state", config, None, as_node=END))
            if what in ("update", "fork"):
                made = side.ask("update_state", config, copy.deepcopy(update), as_node=node)
                if isinstance(made, Exception) or what == "update":
                    return _but_config(made)
                return side.ask("invoke", None, {**side.config, **made}, **run)
            return side.ask("invoke", copy.deepcopy(question), config, **run)

        self._both(step, self.said)

    def _both(self, ask: Callable[[Side], Any], what: str) -> None:
        theirs, ours = (Plain().of(ask(side)) for side in self.sides)
        assert ours == theirs, what

    def compare(self) -> None:
        """Compare all that the graph tells of the thread, and look at what is stored."""
        check(self.client, self.key, self.ours.serde, self.keep)
        assert (self.client.ttl(self.key) > 900) == bool(self.ttl and self.client.exists(self.key))
        self._both(lambda side: side.ask("get_state", side.config, subgraphs=True), f"state after {self.said}")
        theirs, ours = (side.history() for side in self.sides)
        assert len(ours) >= min(len(theirs), self.keep or len(theirs)), f"history after {self.said}"
        plain, other = Plain(), Plain()
        for place, (one, two) in enumerate(zip(theirs, ours, strict=False)):
            assert other.of(two) == plain.of(one), f"checkpoint {place} after {self.said}"
        assert self.keep or len(theirs) == len(ours)

    def compare_checkpoints(self) -> None:
        """Compare what the savers list, of every namespace."""
        found = []
        for saver in (self.memory, self.ours):
            spaces: dict[str, list[Any]] = {}
            for one in saver.list({"configurable": {"thread_id": str(self.thread)}}):
                spaces.setdefault(one.config["configurable"]["checkpoint_ns"], []).append(one)
            listed = []
            for its in spaces.values():
                plain = Plain()
                listed.append(repr([plain.checkpoint(one, list(self.graph.deltas)) for one in its]))
            found.append(sorted(listed))
        assert found[1] == found[0]

    def compare_copy(self) -> None:
        """Compare a copy of the thread."""
        if not self.client.exists(self.key):
            return
        self.ours.copy_thread(str(self.thread), "the copy")
        check(self.client, self.ours.key("the copy"), self.ours.serde, self.keep)
        app = self.graph.build(self.ours, Counter())
        own, copied = (
            repr([plain.of(one) for one in app.get_state_history({"configurable": {"thread_id": thread}})])
            for thread, plain in ((str(self.thread), Plain()), ("the copy", Plain()))
        )
        assert copied == own.replace(f"'thread_id': {str(self.thread)!r}", "'thread_id': 'the copy'")


def _but_config(made: Any) -> Any:
    return made if isinstance(made, Exception) else None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_graph_answers_as_it_does_in_memory(
    seed: int, client: redis.Redis, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a graph does, on ours it does what it does on InMemorySaver, and nothing of no use stays behind."""
    Comparison(seed, client, server.url, monkeypatch).play()
