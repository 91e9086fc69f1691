"""What a thread costs, counted in fields and bytes: each message is stored once, and a turn sends what is new."""

import itertools
import threading
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

import pytest
import redis
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages

from helpers import RedisSaver
from helpers.errors import CheckpointNotFoundError
from tests.support.threads import check

CONFIG: Any = {"configurable": {"thread_id": "bob"}}
KEY = "thread:bob"
LONG = "word " * 100


class State(TypedDict, total=False):
    """An agent's."""

    messages: Annotated[list[AnyMessage], add_messages]


def answered(state: Any) -> Any:
    """What a model answers."""
    asked = state["messages"][-1].id
    return {"messages": [AIMessage(f"answer to {asked} {LONG}", id=f"a-{asked}")]}


def agent(saver: RedisSaver, schema: Any = State, **nodes: Any) -> Any:
    """A graph of some nodes, one after the other, on a saver."""
    graph: Any = StateGraph(schema)
    graph.add_sequence(list((nodes or {"model": answered}).items()))
    graph.add_edge(START, next(iter(nodes), "model"))
    return graph.compile(checkpointer=saver)


def ask(app: Any, *numbers: int, config: Any = CONFIG) -> None:
    """Some turns."""
    for number in numbers:
        app.invoke({"messages": [HumanMessage(f"question {number} {LONG}", id=f"q{number}")]}, config)


def stored(client: redis.Redis, channel: str = "messages") -> int:
    """How many values of a channel a thread holds."""
    fields: Any = client.hkeys(KEY)
    return sum(field.startswith(f"{channel}@".encode()) for field in fields)


@pytest.fixture(autouse=True)
def _nothing_of_no_use(client: redis.Redis) -> Iterator[None]:
    yield
    check(client, KEY, RedisSaver(client).serde, None)


def test_a_message_is_stored_once_however_many_checkpoints_hold_it(client: redis.Redis) -> None:
    """Thirty turns are sixty messages and ninety checkpoints."""
    app = agent(RedisSaver(client, keep=None))
    ask(app, *range(30))
    assert stored(client) == 60
    assert len(list(app.get_state_history(CONFIG))) == 90


def test_what_a_turn_adds_does_not_grow(client: redis.Redis) -> None:
    """The bytes that ten turns add late are those that they add early, give or take the digits of numbers."""
    app, sizes = agent(RedisSaver(client, keep=None)), []
    for first in range(0, 60, 10):
        ask(app, *range(first, first + 10))
        values: Any = client.hgetall(KEY)
        sizes.append(sum(len(field) + len(value) for field, value in values.items()))
    added = [after - before for before, after in itertools.pairwise(sizes)]
    assert max(added) < 1.02 * min(added)


def test_a_fork_stores_what_is_new_on_it(client: redis.Redis) -> None:
    """Two branches share what came before they parted."""
    app = agent(RedisSaver(client, keep=None))
    ask(app, *range(10))
    early = [state for state in app.get_state_history(CONFIG) if len(state.values["messages"]) == 10 and not state.next]
    ask(app, 100, config=early[0].config)
    assert stored(client) == 20 + 2
    assert len(app.get_state(CONFIG).values["messages"]) == 12


def test_a_copied_checkpoint_stores_nothing_again(client: redis.Redis) -> None:
    """LangGraph's own fork of a state has the state's values."""
    app = agent(RedisSaver(client, keep=None))
    ask(app, *range(5))
    app.update_state(CONFIG, None, as_node="__copy__")
    assert stored(client) == 10


def test_a_cold_process_stores_nothing_again(client: redis.Redis) -> None:
    """A saver that has just been made reads the thread, and knows then what is there."""
    for number in range(10):
        ask(agent(RedisSaver(client, keep=None)), number)
    assert stored(client) == 20


def test_two_processes_in_turn_store_nothing_twice(client: redis.Redis) -> None:
    """Each knows what the other has stored as soon as it has read it."""
    apps = [agent(RedisSaver(client, keep=5)) for _ in range(2)]
    for number in range(12):
        ask(apps[number % 2], number)
    assert stored(client) == 24


def test_summarising_stores_the_summary_alone(client: redis.Redis) -> None:
    """The messages that stay are the stored ones; with few checkpoints to keep, the others go."""

    def summarise(state: Any) -> Any:
        if len(state["messages"]) < 12:
            return {}
        return {
            "messages": [RemoveMessage(REMOVE_ALL_MESSAGES), AIMessage(LONG, id="summary"), *state["messages"][-4:]]
        }

    app = agent(RedisSaver(client, keep=None), summarise=summarise, model=answered)
    ask(app, *range(6))
    assert stored(client) == 12  # the seventh question is what the summary is made before
    ask(app, 6)
    assert stored(client) == 12 + 1 + 1 + 1
    kept = agent(RedisSaver(client, keep=1), summarise=summarise, model=answered)
    ask(kept, 7)
    assert stored(client) == len(kept.get_state(CONFIG).values["messages"]) == 8


def test_trimming_stores_nothing_again(client: redis.Redis) -> None:
    """The rest of a list whose head went is the stored one."""

    def trim(state: Any) -> Any:
        return {"messages": [RemoveMessage(one.id) for one in state["messages"][:-5]]}

    app = agent(RedisSaver(client, keep=None), trim=trim, model=answered)
    ask(app, *range(20))
    assert stored(client) == 40
    ask(agent(RedisSaver(client, keep=1), trim=trim, model=answered), 20)
    assert stored(client) == 6


def test_a_subgraph_shares_its_parents_messages(client: redis.Redis) -> None:
    """What it is given, and what it gives back, is stored where its parent has it."""
    inner: Any = StateGraph(State)
    inner.add_sequence([("first", answered), ("second", answered)])
    inner.add_edge(START, "first")
    app = agent(RedisSaver(client, keep=None), model=inner.compile())
    for number in range(10):
        app.invoke({"messages": [HumanMessage(LONG, id=f"q{number}")]}, CONFIG, durability="sync")
    assert stored(client) == 30


def test_a_value_that_stays_is_stored_once(client: redis.Redis) -> None:
    """A big value beside a conversation does not travel again."""

    class Wide(State):
        table: dict[str, str]
        blob: bytes

    app = agent(RedisSaver(client, keep=None), Wide)
    app.update_state(CONFIG, {"table": {"key": LONG}, "blob": b"\0" * 999}, as_node="model")
    ask(app, *range(10))
    assert (stored(client, "table"), stored(client, "blob")) == (1, 1)


def traffic(client: redis.Redis, app: Any, number: int) -> tuple[int, int]:
    """The bytes that a turn sends to the server and takes from it."""
    before: Any = client.info("stats")
    ask(app, number)
    after: Any = client.info("stats")
    sent, taken = (after[name] - before[name] for name in ("total_net_input_bytes", "total_net_output_bytes"))
    return sent, taken


@pytest.mark.real_server
def test_what_a_turn_sends_and_takes_does_not_grow_with_the_conversation(client: redis.Redis) -> None:
    """A process that goes on with a thread sends two messages a turn, and takes none."""
    app = agent(RedisSaver(client))
    ask(app, *range(20))
    early = [traffic(client, app, number) for number in range(20, 25)]
    ask(app, *range(25, 120))
    late = [traffic(client, app, number) for number in range(120, 125)]
    assert max(sent for sent, _ in late) < 1.05 * max(sent for sent, _ in early)
    assert max(sent for sent, _ in late) < 9000
    assert max(taken for _, taken in early + late) < max(sent for sent, _ in early)


def _sum(state: Any, writes: Any) -> Any:
    return [*state, *itertools.chain.from_iterable(writes)]


class Deltas(TypedDict, total=False):
    """Channels that LangGraph stores now and then, at different times, and one that nobody writes."""

    messages: Annotated[list[Any], DeltaChannel(_sum, snapshot_frequency=4)]
    log: Annotated[list[Any], DeltaChannel(_sum, snapshot_frequency=7)]
    unused: Annotated[list[Any], DeltaChannel(_sum)]


def logged(state: Any) -> Any:
    """A node that writes both."""
    return answered(state) | ({"log": ["l" * 80]} if len(state["messages"]) % 3 else {})


def test_keep_bounds_a_thread_with_delta_channels(client: redis.Redis) -> None:
    """What stays besides is what they are rebuilt from, and no more the longer the thread is."""
    app, records = agent(RedisSaver(client, keep=3), Deltas, model=logged), []
    for number in range(40):
        ask(app, number)
        fields: Any = client.hkeys(KEY)
        records.append(sum(field.startswith(b"checkpoint:") for field in fields))
    assert max(records) < 40
    assert len(list(app.get_state_history(CONFIG))) == 3
    state = agent(RedisSaver(client), Deltas, model=logged).get_state(CONFIG)
    assert [one.id for one in state.values["messages"]][-2:] == ["q39", "a-q39"]
    assert len(state.values["messages"]) == 80


@pytest.mark.parametrize("schema", [State, Deltas])
def test_a_checkpoint_that_went_is_not_gone_back_to(client: redis.Redis, schema: Any) -> None:
    """Not in part either, where something of it stays for others, and not in the process that has stored it."""
    saver = RedisSaver(client, keep=2)
    app = agent(saver, schema)
    ask(app, 0)
    first = app.get_state(CONFIG).config
    ask(app, 1)
    assert saver.get_tuple(first) is None
    with pytest.raises(CheckpointNotFoundError):
        ask(app, 2, config=first)
    assert len(app.get_state(CONFIG).values["messages"]) == 4


@pytest.mark.parametrize("schema", [State, Deltas])
def test_the_oldest_kept_state_can_be_copied(client: redis.Redis, schema: Any) -> None:
    """LangGraph gives the copy the parent of the original, which went."""
    ask(agent(RedisSaver(client, keep=2), schema), *range(4))
    app = agent(RedisSaver(client, keep=2), schema)
    oldest = list(app.get_state_history(CONFIG))[-1]
    copied = app.update_state(oldest.config, None, as_node="__copy__")
    assert app.get_state(copied).values == oldest.values


def test_a_clock_that_is_slow_loses_nothing(client: redis.Redis) -> None:
    """A checkpoint that is older by its name than those that are kept is there after it was stored."""
    saver = RedisSaver(client, keep=1)
    for checkpoint_id in ("2", "1"):
        checkpoint: Any = {
            "id": checkpoint_id,
            "channel_values": {"messages": [LONG + checkpoint_id]},
            "channel_versions": {},
        }
        saver.put({"configurable": {"thread_id": "bob", "checkpoint_ns": ""}}, checkpoint, {}, {})
    found = saver.get_tuple({"configurable": {"thread_id": "bob", "checkpoint_id": "1"}})
    assert found
    assert found.checkpoint["channel_values"] == {"messages": [LONG + "1"]}


def test_bytes_stay_what_they_are(client: redis.Redis) -> None:
    """Values of equal content and another type are others."""
    saver = RedisSaver(client)
    for checkpoint_id, value in enumerate((b"b" * 99, bytearray(b"b" * 99)), 1):
        checkpoint: Any = {"id": str(checkpoint_id), "channel_values": {"blob": value}, "channel_versions": {}}
        saver.put({"configurable": {"thread_id": "bob", "checkpoint_ns": ""}}, checkpoint, {}, {})
    found = saver.get_tuple(CONFIG)
    assert found
    assert type(found.checkpoint["channel_values"]["blob"]) is bytearray


@pytest.mark.real_server
def test_a_limit_bounds_what_is_read(client: redis.Redis) -> None:
    """The latest of many states is found with as many commands as the latest of few."""
    app = agent(RedisSaver(client, keep=None))
    ask(app, *range(30))
    before: Any = client.info("stats")
    assert len(list(app.get_state_history(CONFIG, limit=1))) == 1
    after: Any = client.info("stats")
    assert after["total_commands_processed"] - before["total_commands_processed"] < 10


def test_a_thread_can_be_read_while_it_is_written(client: redis.Redis) -> None:
    """What a write removes, a reader of the same process that is still at it has all the same, or reads anew."""

    def shorten(state: Any) -> Any:
        return {
            "messages": [RemoveMessage(REMOVE_ALL_MESSAGES), *(one.model_copy() for one in state["messages"][-99:])]
        }

    app = agent(RedisSaver(client, keep=1), shorten=shorten, model=answered)
    app.update_state(CONFIG, {"messages": [HumanMessage(LONG, id=f"h{n}") for n in range(99)]}, as_node="model")
    over, failed = threading.Event(), []

    def read() -> None:
        while not over.is_set():
            try:
                assert len(app.get_state(CONFIG).values["messages"]) >= 99
            except Exception as error:  # whatever it is, it is too much
                failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    ask(app, *range(12))
    over.set()
    for reader in readers:
        reader.join()
    assert not failed
