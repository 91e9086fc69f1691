"""Random LangGraph graphs, whose nodes do the same whenever they are asked the same, and answers as plain data."""

import functools
import operator
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages
from langgraph.types import Command, Interrupt, PregelTask, RetryPolicy, Send, StateSnapshot, interrupt

_RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_VERSION = re.compile(r"(\d{32})\.0?\.?\d+")

ODD = "odd @=% key, 日本"
KINDS = ("talk", "tools", "remove", "summarise", "replace", "mutate", "ask", "fail", "flaky", "goto", "data", "sub")


def _messages_of_all(state: Any, writes: Sequence[Any]) -> Any:
    return functools.reduce(add_messages, writes, state)


def _sum_of_all(state: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    return [*state, *(one for write in writes for one in write)]


class Graph:
    """A graph that a seed describes, to be built on any saver.

    Attributes:
        nodes: Its nodes, by their names what they do.
        mutates: Whether a node changes a message in place, for which nothing else may run at the same time.
        deltas: Its delta channels.
        stores: Whether it stores a checkpoint before it goes on.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = random.Random(f"graph {seed}")  # noqa: S311
        kinds = rng.sample(KINDS, rng.randint(3, 6))
        if "talk" not in kinds:
            kinds[0] = "talk"
        self.nodes = {f"n{place}_{kind}": kind for place, kind in enumerate(kinds)}
        self.mutates = "mutate" in kinds
        self.deltas: dict[str, int] = {}
        self.stores = True
        if rng.random() < 0.4:
            channels = rng.choice((["messages"], ["log"], ["messages", "log"], ["messages", "unused"]))
            self.deltas = {channel: rng.choice((1, 2, 3, 5, 100)) for channel in channels}
        self._ends = rng.choice((0.25, 0.4, 0.6))
        self.persistent, self._called, self._asks = rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.5
        self._big = {f"key {number}": "value " * 20 for number in range(rng.randint(3, 30))}

    def rng(self, *parts: Any) -> random.Random:
        """Chances that are the same for the same parts."""
        return random.Random(f"{self.seed} {parts}")  # noqa: S311

    def build(self, saver: BaseCheckpointSaver[Any], failures: Counter[Any]) -> Any:
        """The graph, compiled on a saver. What failed how often is counted in `failures`."""
        graph: Any = StateGraph(self._schema())
        for name, kind in self.nodes.items():
            retry = RetryPolicy(initial_interval=0, max_attempts=2, jitter=False) if kind == "flaky" else None
            if kind == "sub" and not self._called:
                graph.add_node(name, self._sub())
                self._route(graph, name)
            else:
                graph.add_node(name, self._node(name, kind, failures, saver), retry_policy=retry)
                if kind != "goto":
                    self._route(graph, name)
        graph.add_node("tool", self._tool)
        self._route(graph, "tool")
        graph.add_edge(START, next(iter(self.nodes)))
        return graph.compile(checkpointer=saver)

    def _schema(self) -> Any:
        def grown(channel: str, reducer: Any, delta: Any) -> Any:
            often = self.deltas.get(channel)
            return Annotated[list[Any], DeltaChannel(delta, snapshot_frequency=often) if often else reducer]

        channels = {
            "messages": grown("messages", add_messages, _messages_of_all),
            "log": grown("log", operator.add, _sum_of_all),
            "count": Annotated[int, operator.add],
            "table": dict[str, Any],
            "blob": bytes,
            "calls": list[dict[str, Any]],
            ODD: Annotated[list[Any], operator.add],
        }
        if "unused" in self.deltas:
            channels["unused"] = grown("unused", operator.add, _sum_of_all)
        return TypedDict("State", channels, total=False)  # type: ignore[operator]

    def _sub(self) -> Any:
        class Inner(TypedDict, total=False):
            messages: Annotated[list[AnyMessage], add_messages]
            count: Annotated[int, operator.add]
            inner: Annotated[list[str], operator.add]

        def first(state: Inner) -> Any:
            rng = self.rng("inner", len(state.get("messages", [])), len(state.get("inner", [])))
            return {"messages": [self._said(rng, "inner")], "inner": ["x" * rng.choice((5, 100))]}

        def second(state: Inner) -> Any:
            answer = interrupt({"inner": len(state.get("inner", []))}) if self._asks else "unasked"
            return {
                "messages": [AIMessage(f"inner heard {answer}", id=f"i{len(state.get('messages', []))}")],
                "count": 1,
            }

        sub = StateGraph(Inner)
        sub.add_node("first", first)
        sub.add_node("second", second)
        sub.add_edge(START, "first")
        sub.add_edge("first", "second")
        return sub.compile(checkpointer=True if self.persistent else None)

    def _route(self, graph: Any, name: str) -> None:
        def route(state: dict[str, Any]) -> Any:
            rng = self.rng("route", name, state.get("count", 0), len(state.get("messages", [])))
            if self.nodes.get(name) == "tools" and state.get("calls"):
                return [Send("tool", {"messages": [], "calls": [call]}) for call in state["calls"]]
            if rng.random() < self._ends:
                return END
            chosen = rng.sample(list(self.nodes), min(2, len(self.nodes)))
            alone = self.mutates or any(self.nodes[one] in ("fail", "flaky", "goto", "tools", "sub") for one in chosen)
            return chosen[:1] if alone or rng.random() < 0.6 else chosen

        graph.add_conditional_edges(name, route, [*self.nodes, "tool", END])

    @staticmethod
    def _tool(state: dict[str, Any]) -> Any:
        call = state["calls"][0]
        said = ToolMessage(f"{call['name']} says {call['args']}", tool_call_id=call["id"], id=f"t{call['id']}")
        return {"messages": [said], "log": [call]}

    @staticmethod
    def _said(rng: random.Random, who: str) -> BaseMessage:
        words = "word " * rng.choice((1, 10, 100))
        if rng.random() < 0.5:
            extra = {"usage": {"tokens": rng.randrange(9), "parts": [1.5, None, True]}} if rng.random() < 0.5 else {}
            return AIMessage(f"{who}: {words}", id=f"{who}{rng.randrange(10**6)}", response_metadata=extra)
        name = rng.choice((None, "bob"))
        return HumanMessage(
            [{"type": "text", "text": words}] if rng.random() < 0.2 else words,
            id=f"{who}{rng.randrange(10**6)}",  # one that LangGraph gave might be stored before it has it, or after
            name=name,
        )

    def _node(self, name: str, kind: str, failures: Counter[Any], saver: Any) -> Any:
        sub = self._sub() if kind == "sub" else None

        def node(state: dict[str, Any], config: RunnableConfig) -> Any:
            messages = state.get("messages", [])
            rng = self.rng(name, state.get("count", 0), len(messages))
            made: dict[str, Any] = {"count": 1}
            if rng.random() < 0.5:
                made |= self._data(rng)
            if kind == "sub":
                told = sub.invoke({"messages": messages[-2:], "count": 1})  # type: ignore[union-attr]
                return made | {"messages": told["messages"][-1:]}
            while kind == "mutate" and self.stores and not saver.get(_of_the_step(config)):
                time.sleep(0.001)  # what another thread is storing must not change yet
            return made | self._did(kind, name, messages, rng, failures, made)

        def going(state: dict[str, Any]) -> Command[Any]:
            rng = self.rng("goto", name, state.get("count", 0))
            target = rng.choice([one for one in self.nodes if one != name] + [END])
            return Command(update={"count": 1, "messages": [self._said(rng, name)]}, goto=target)

        elsewhere: Any = Literal[(*(one for one in self.nodes if one != name), END)]
        going.__annotations__["return"] = Command[elsewhere]
        return going if kind == "goto" else node

    def _did(
        self, kind: str, name: str, messages: list[Any], rng: random.Random, failures: Counter[Any], made: Any
    ) -> dict[str, Any]:
        some = rng.choice(messages) if messages else None
        if kind == "tools":
            calls = [{"name": "look", "args": {"order": n}, "id": f"{name}{rng.randrange(10**6)}"} for n in range(3)]
            calls = calls[: rng.randint(1, 3)]
            return {"messages": [AIMessage("", tool_calls=calls, id=f"call{calls[0]['id']}")], "calls": calls}
        if kind == "remove" and some:
            return {"messages": [RemoveMessage(some.id)]}
        if kind == "summarise":
            summary = AIMessage("in short: " + "s" * 90, id=f"s{rng.randrange(10**6)}")
            return {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES), summary, *messages[-3:]]}
        if kind == "replace" and some:
            return {"messages": [some.model_copy(update={"content": f"replaced {rng.randrange(10**6)} " + "r" * 70})]}
        if kind == "mutate" and some:
            some.content = f"changed {rng.randrange(10**6)} " + "c" * 70
            return {"messages": [some]}
        if kind == "ask":
            answers = [interrupt({"question": name, "nth": nth}) for nth in range(rng.randint(1, 2))]
            return {"messages": [HumanMessage(f"answers {answers}", id=f"a{rng.randrange(10**6)}")]}
        if kind in ("fail", "flaky") and rng.random() < 0.7:
            failures[name, len(messages), made["count"]] += 1
            if failures[name, len(messages), made["count"]] % 2:
                raise ConnectionError(f"{name} failed") if kind == "flaky" else ValueError(f"{name} failed")
        return {"messages": [self._said(rng, name) for _ in range(rng.randint(1, 3))]}

    def _data(self, rng: random.Random) -> dict[str, Any]:
        plain = [7, 1.5, None, "short", "a" * 80, b"\0" * 90, ("t", 1), [1, [2]]]
        logged = [*plain, {"n": rng.randrange(9)}, {"big": self._big}]
        made = {
            "log": rng.choices(logged, k=rng.randint(1, 3)),
            "table": self._big | ({"changed": rng.randrange(3)} if rng.random() < 0.3 else {}),
            "blob": bytes([rng.randrange(3)]) * rng.choice((0, 3, 500)),
            ODD: rng.choices(["b" * 100, {"k": "v"}], k=2),
        }
        # What two nodes write at once has to be summed up.
        alone = self.mutates or rng.random() < 0.3
        return {channel: made[channel] for channel in rng.sample(list(made), 2) if alone or channel in ("log", ODD)}


def _of_the_step(config: RunnableConfig) -> RunnableConfig:
    named = config["configurable"]
    return {
        "configurable": {
            "thread_id": named["thread_id"],
            "checkpoint_ns": "",
            "checkpoint_id": named["checkpoint_map"][""],
        }
    }


class Plain:
    """Answers as plain data, in which every random name is a number."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}

    def _text(self, text: str) -> str:
        text = _VERSION.sub(lambda found: f"v{int(found[1])}", text)
        return _RANDOM.sub(lambda found: f"#{self._names.setdefault(found[0], len(self._names))}", text)

    def of(self, value: Any) -> Any:
        """A value."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, BaseMessage):
            return type(value).__name__, self.of(value.model_dump())
        if isinstance(value, Interrupt):
            return "Interrupt", self.of(value.value), self.of(value.id)
        if isinstance(value, StateSnapshot):
            return self.state(value)
        if isinstance(value, BaseException):
            return type(value).__name__, self.of(str(value))
        if isinstance(value, dict):
            return {self.of(key): self.of(one) for key, one in value.items()}
        if isinstance(value, PregelTask):
            return "PregelTask", self.of(value._asdict())
        if isinstance(value, (list, tuple)):
            return type(value).__name__, *(self.of(one) for one in value)
        return type(value).__name__, repr(value)

    def state(self, state: StateSnapshot) -> Any:
        """A state of a thread, without when it was."""
        return {
            "id": self._id(state.config),
            "values": self.of(state.values),
            "next": self.of(state.next),
            "metadata": self.of(state.metadata),
            "parent": self._id(state.parent_config),
            "interrupts": self.of(state.interrupts),
            "tasks": [
                {
                    "id": self.of(task.id),
                    "name": task.name,
                    "path": self.of(task.path),
                    "error": self.of(task.error),
                    "interrupts": self.of(task.interrupts),
                    "result": self.of(task.result),
                    "state": self.of(task.state),
                }
                for task in state.tasks
            ],
        }

    def checkpoint(self, found: CheckpointTuple, without: Sequence[str]) -> Any:
        """What a saver gives back of a checkpoint, but for some channels' values."""
        values = {name: value for name, value in found.checkpoint["channel_values"].items() if name not in without}
        versions = {name: _counted(one) for name, one in found.checkpoint["channel_versions"].items()}
        seen = {
            node: {channel: _counted(one) for channel, one in its.items()}
            for node, its in found.checkpoint["versions_seen"].items()
        }
        return {
            "id": self._id(found.config),
            "parent": self._id(found.parent_config),
            "values": self.of(dict(sorted(values.items()))),
            "versions": versions,
            "seen": seen,
            "metadata": self.of(found.metadata),
            "writes": self.of(found.pending_writes),
        }

    def _id(self, config: Any) -> Any:
        return self.of(config["configurable"].get("checkpoint_id")) if config else None


def _counted(version: Any) -> int:
    return int(str(version).partition(".")[0])
