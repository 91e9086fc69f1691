# %% [markdown] id="title"
"""
# Agents that remember, in Redis and Memorystore

An *agent* is a chat model that can call functions. It forgets everything after each call, unless something saves its
state. In this lesson `RedisSaver` does that in Redis, for [LangChain's
agents](https://docs.langchain.com/oss/python/langchain/agents) and for any LangGraph graph. You need some Python, no
experience with Redis or LangChain, and about 30 minutes.

![A thread is one key in Redis. It holds the messages, each once, and checkpoints, which name messages by their numbers.
The agent reads the newest checkpoint before a turn, and adds what is new after each step.](diagrams/checkpoint.svg)

`RedisSaver` needs core commands only, so it runs on Memorystore, on Valkey and on any Redis. The official
`langgraph-checkpoint-redis` needs the modules RedisJSON and RediSearch.
"""

# %% [markdown] id="setup"
"""
## Setup

Choose **Run all**, or run one cell at a time; you need no server, no API key and no account. On a hosted platform such
as Colab, the first cell installs *the kit*, the package behind these lessons. Elsewhere it does nothing. Run each cell
once, since many asserts count messages. To start over, go back to *In short*.

You can leave the form as it is. A blank endpoint means the environment variable `REDIS_URL` or, if that is not set, a
server that starts with this notebook and ends with its kernel. You can also enter the address of a server, such as
`redis://localhost:6379`, or, inside its network, a Memorystore instance's name (see
[lesson 2](02_memorystore.ipynb)).

The notebook writes only under IDs that begin with the thread ID of the form, and cleans up at the end. On a shared server, choose
an ID that nobody else uses. In a class with its own server, `join_class` puts your name before the thread ID and tells
your teacher how far you are; otherwise it does nothing.
"""

# %% id="install"
import importlib.util
from pathlib import Path

kit = importlib.util.find_spec("helpers")
# The kit is missing: this is a hosted runtime.
if kit is None or kit.origin is None:
    !pip list --format=freeze > /tmp/preinstalled.txt
    %pip install --quiet --constraint /tmp/preinstalled.txt "chat-history-tutorials[tutorials] @ git+{{repository}}"
    from helpers.environment import added_packages

    print(added_packages("/tmp/preinstalled.txt"))
elif not Path(kit.origin).with_name("_histories").exists():
    raise ImportError(f"{kit.origin} has the name of this kit, and hides it. Rename it, then restart the kernel.")

import helpers

# %% id="form" tags=["translate"]
# @title Endpoint and thread
# @markdown Leave the endpoint blank to use `REDIS_URL` or, without it, the embedded server.
ENDPOINT = ""  # @param {type:"string", placeholder:"redis://localhost:6379"}
THREAD_ID = "agents-tutorial-en"  # @param {type:"string"}

helpers.speak("en")  # the language of what the kit prints
THREAD_ID = helpers.join_class(THREAD_ID, ENDPOINT)

# The conversation. Change it as you like, but keep the name: the asserts look for it.
GREETING = "Hi! I'm Bob."
QUESTION = "What's my name?"

# %% [markdown] id="short"
"""
## In short

Here is the whole thing. `create_agent` makes an agent from a chat model, and `RedisSaver`, a *checkpointer*,
gives it a memory. A *thread* is one conversation; the `config` of each call says which.

If `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set, `chat_model` returns `ChatOpenAI`. Otherwise you get an offline model,
which labels its answers. It knows only the messages that it is given: if it knows your name, it read it in the thread.
"""

# %% id="whole"
from langchain.agents import create_agent

from helpers import RedisSaver, chat_model, connect

client = connect(ENDPOINT)
saver = RedisSaver(client, ttl=3600)  # Redis deletes a thread an hour after the last write to it
saver.delete_thread(THREAD_ID)  # what an earlier run of this notebook may have left

agent = create_agent(chat_model(), checkpointer=saver)
config = {"configurable": {"thread_id": THREAD_ID}}

agent.invoke({"messages": GREETING}, config)
state = agent.invoke({"messages": QUESTION}, config)
print(state["messages"][-1].content)

assert "Bob" in state["messages"][-1].content

# %% [markdown] id="tool"
"""
The second call sent only the question. The agent read the rest from the thread. `invoke` returns the agent's state, in
which `messages` is the conversation so far.

## Give it a tool

A *tool* is a function that the model may call. The model sees its name, parameters and docstring, and decides when to
use it. The offline model has a simple rule: it calls a tool when your message contains the numbers, or the quoted
words, that the tool requires.

This agent has the same checkpointer and thread, so it continues the conversation.
"""

# %% id="order" tags=["translate"]
def look_up_order(order: int) -> str:
    """Look up what an order cost."""
    return f"Order {order} cost 12.50 euros."


agent = create_agent(chat_model(), [look_up_order], checkpointer=saver)

state = agent.invoke({"messages": "What did order 4711 cost?"}, config)
for message in state["messages"]:
    calls = [call["name"] for call in getattr(message, "tool_calls", [])]
    print(message.type, message.content or calls, sep=": ")

assert [message.type for message in state["messages"][-4:]] == ["human", "ai", "tool", "ai"]
assert len(state["messages"]) == 8

# %% [markdown] id="inside"
"""
One question became four messages: the question, the model's request to call the tool, the result, and the answer.

## What Redis stores

A thread is one key: `thread:` followed by the thread ID. Its value is a
[hash](https://redis.io/docs/latest/develop/data-types/hashes/), a set of named fields. In `redis-cli`, Redis's command
line, you would type `HGETALL` and the key. Here you count the fields by name, with `ID` for a checkpoint's ID and `N` for a number.
"""

# %% id="fields"
import re
from collections import Counter

key = saver.key(THREAD_ID)
fields = client.hgetall(key)

kinds = Counter()
for name in fields:
    name = re.sub("[0-9a-f-]{36}", "ID", name.decode())
    kinds[re.sub("@[0-9]+$", "@N", name)] += 1

for name, count in sorted(kinds.items()):
    print(f"{count:3}  {name}")

assert client.type(key) == b"hash"
assert kinds["messages@N"] == 8

# %% [markdown] id="fields-why"
"""
A turn runs in *steps*: taking your message, calling the model, running a tool. After each, LangGraph saves a *checkpoint*,
a snapshot of the agent's state.

| field | what it holds |
|---|---|
| `messages@0`, `messages@1` … | the messages, each once |
| `checkpoint:ID:` | a checkpoint; its first line gives the numbers of its messages |
| `writes:ID:`, `@0`, `@1` … | what the next step produced, so that it isn't repeated after a crash |
| `ids:` | the checkpoints' IDs, newest first |
| the others | other parts of the state, and bookkeeping such as the next free number |

Since a checkpoint only names its messages, each turn adds about the same amount to a thread. With a checkpointer
that copies the whole conversation into each checkpoint, a thread grows with the square of the conversation's length.

The next cell prints what the newest checkpoint names: `messages=0-6,7` means messages 0 to 6, and 7. The one after it asks
for the *time to live* (TTL), the seconds until Redis deletes the thread.
"""

# %% id="record"
newest = client.hget(key, "ids:").split()[0]
record = client.hget(key, b"checkpoint:" + newest + b":")
print(record.split(b"\n")[0].split()[-1].decode())

assert b" messages=0-" in record
assert GREETING.encode() in client.hget(key, "messages@0")
assert GREETING.encode() not in record

# %% id="usage" tags=["translate", "varies"]
print(f"Redis deletes the thread in {client.ttl(key)} seconds.")

assert 3500 < client.ttl(key) <= 3600

# %% [markdown] id="restart"
"""
## Another process remembers

The agent object holds no memory; Redis does. Here is the proof, a second Python process. It builds its own agent, and
gets the server's address, the thread ID and a question from you. Afterwards you read the thread from this process:
`get_state` returns its newest state.
"""

# %% id="process"
import os
import subprocess
import sys

from helpers.embedded import embedded_server

program = """
import sys

from langchain.agents import create_agent

from helpers import RedisSaver, chat_model, connect

thread_id, question = sys.argv[1:]
agent = create_agent(chat_model(), checkpointer=RedisSaver(connect(), ttl=3600))
agent.invoke({"messages": question}, {"configurable": {"thread_id": thread_id}})
"""
address = ENDPOINT or os.environ.get("REDIS_URL") or embedded_server().url
command = [sys.executable, "-c", program, THREAD_ID, QUESTION]
process = subprocess.run(command, env={**os.environ, "REDIS_URL": address}, check=True)

messages = agent.get_state(config).values["messages"]
print(messages[-1].content)

assert len(messages) == 10
assert "Bob" in messages[-1].content

# %% [markdown] id="stranger"
"""
Another thread is another key. There, the agent doesn't know you.

**One writer at a time.** If two processes answer in the same thread at the same moment, neither sees the other's
messages, and the newest state has only one of the two turns. This is so with every LangGraph checkpointer. If your users
can cause it, by sending twice for example, put a lock or a queue in front of the agent.
"""

# %% id="stranger-asks"
stranger = {"configurable": {"thread_id": f"{THREAD_ID}-stranger"}}

state = agent.invoke({"messages": QUESTION}, stranger)
print(state["messages"][-1].content)

assert "Bob" not in state["messages"][-1].content

# %% [markdown] id="streaming"
"""
## Streaming and async

With `stream_mode="messages"` the answer arrives piece by piece, as in a chat window. At the end of the turn, the
thread holds the whole answer.
"""

# %% id="stream"
pieces = [piece.text for piece, _ in agent.stream({"messages": QUESTION}, config, stream_mode="messages")]
print(" | ".join(filter(None, pieces)))

assert agent.get_state(config).values["messages"][-1].text == "".join(pieces)

# %% [markdown] id="async"
"""
A web server holds many conversations at once. The methods that begin with `a` let the others go on while one waits for
Redis or for the model. A notebook already runs an event loop, so write `await`, not `asyncio.run`.
"""

# %% id="guests"
import asyncio

guests = [{"configurable": {"thread_id": f"{THREAD_ID}-guest-{number}"}} for number in range(5)]
await asyncio.gather(*(agent.ainvoke({"messages": GREETING}, guest) for guest in guests))
states = await asyncio.gather(*(agent.ainvoke({"messages": QUESTION}, guest) for guest in guests))

assert all("Bob" in state["messages"][-1].content for state in states)

# %% [markdown] id="travel"
"""
## Go back in time

`keep` says how many checkpoints of a thread stay, by default the latest 20. `get_state_history` lists their states,
newest first. In each, `next` names the steps still to run; at the end of a turn it is empty.
"""

# %% id="travel-turns" tags=["translate"]
saver.delete_thread(f"{THREAD_ID}-travel")
travel = {"configurable": {"thread_id": f"{THREAD_ID}-travel"}}

agent.invoke({"messages": GREETING}, travel)
agent.invoke({"messages": QUESTION}, travel)

for state in agent.get_state_history(travel):
    print(f"Messages: {len(state.values.get('messages', []))}, next: {state.next}")

# %% [markdown] id="fork"
"""
To go back, invoke the agent with the `config` of an older state. This makes a *fork*: the conversation continues from
there, and that becomes the thread's newest state. The original stays, and as long as `keep` holds it, you can read it by
its own `config`.
"""

# %% id="forked" tags=["translate"]
original = agent.get_state(travel)
before = next(state for state in agent.get_state_history(travel) if len(state.values["messages"]) == 2)

fork = agent.invoke({"messages": "What did I just say?"}, before.config)
print(fork["messages"][-1].content)

assert QUESTION not in [message.content for message in fork["messages"]]
assert agent.get_state(original.config).values == original.values
assert agent.get_state(travel).values["messages"] == fork["messages"]

# %% [markdown] id="approval"
"""
## Ask a person first

Some tools should not run until a person agrees. *Middleware* is code that runs before or after an agent's steps;
`HumanInTheLoopMiddleware` stops the agent before the tools that `interrupt_on` names. The question waits in the thread
and not in the process, so the answer may come hours later, and from another process. The next cell imports all it needs,
because you will run it twice.
"""

# %% id="desk" tags=["translate"]
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware

from helpers import RedisSaver, chat_model, connect


def refund(order: int, amount: float) -> str:
    """Refund an amount for an order."""
    return f"The refund for order {order} is on its way."


client = connect(ENDPOINT)
saver = RedisSaver(client, ttl=3600)
desk = create_agent(
    chat_model(),
    [refund],
    middleware=[HumanInTheLoopMiddleware(interrupt_on={"refund": True})],
    checkpointer=saver,
)
case = {"configurable": {"thread_id": f"{THREAD_ID}-case"}}

# %% id="request" tags=["translate"]
saver.delete_thread(f"{THREAD_ID}-case")

desk.invoke({"messages": "Refund 12.50 for order 4711."}, case)

assert desk.get_state(case).values["messages"][-1].tool_calls  # the tool was asked for, and hasn't run

# %% [markdown] id="kernel"
"""
If your server outlives the kernel (your own, or the one that `make lab` starts), restart the kernel now. Then run the
cells under *Setup* and the cell that makes `desk`, and continue here. The server that starts with this notebook ends
with the kernel: with it, continue without a restart.

In the thread's state, `tasks` are the steps that wait, and their `interrupts` are the questions. `Command(resume=…)`
answers with one decision for each call: `approve`, `edit` to change the arguments, or `reject`.
"""

# %% id="waiting"
(task,) = desk.get_state(case).tasks
(interrupt,) = task.interrupts
(request,) = interrupt.value["action_requests"]
print(request["name"], request["args"])

assert request["args"] == {"order": 4711, "amount": 12.5}

# %% id="approve"
from langgraph.types import Command

state = desk.invoke(Command(resume={"decisions": [{"type": "approve"}]}), case)
print(state["messages"][-1].content)

assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
assert not desk.get_state(case).tasks

# %% [markdown] id="bounded"
"""
## Limit a thread

A conversation that keeps growing costs memory in Redis and, at every turn, *tokens*, the pieces of text that providers
charge for. Each of these limits something else:

| what | limits | what you lose |
|---|---|---|
| `RedisSaver(ttl=…)` | the seconds that a thread lives after its last write | the thread |
| `RedisSaver(keep=…)` | how many checkpoints you can go back to; by default 20 | older checkpoints |
| `@before_model` | the messages in the thread | those that your function removes |
| `SummarizationMiddleware` | the messages in the thread | details: a summary replaces old messages |
| `@wrap_model_call` | what the model sees | nothing |

Two of them as code: `trim` runs before each model call, and keeps the latest two turns and your question. With
tools, choose what stays with LangChain's `trim_messages`, since many models refuse a tool's result without its call.
`summarize` has a model sum up all but the last five messages as soon as there are ten. **Both rewrite what is stored**:
the newest state no longer has the old messages.
"""

# %% id="middleware"
from langchain.agents.middleware import SummarizationMiddleware, before_model
from langchain.messages import RemoveMessage


@before_model
def trim(state, runtime):
    return {"messages": [RemoveMessage(message.id) for message in state["messages"][:-5]]}


summarize = SummarizationMiddleware(chat_model(), trigger=("messages", 10), keep=("messages", 5))

# %% [markdown] id="compare"
"""
Now hold the same conversation of 30 turns with five settings, and compare the size of all fields and values.
"""

# %% id="measure" tags=["translate"]
SMALL_TALK = "Let me tell you about my garden. " * 12


def measure(name, *middleware, keep=20):
    saver = RedisSaver(client, ttl=3600, keep=keep)
    config = {"configurable": {"thread_id": f"{THREAD_ID}-{name}"}}
    saver.delete_thread(f"{THREAD_ID}-{name}")
    talker = create_agent(chat_model(), middleware=middleware, checkpointer=saver)
    for text in [GREETING, *[SMALL_TALK] * 28, QUESTION]:
        messages = talker.invoke({"messages": text}, config)["messages"]
    fields = client.hgetall(saver.key(f"{THREAD_ID}-{name}"))
    size = sum(len(field) + len(value) for field, value in fields.items())
    print(f"{name:10}  {len(messages):2} messages  {size / 1000:3.0f} kB  {messages[-1].content}")
    return size, messages[-1].content


everything, _ = measure("everything", keep=None)
kept, answer_kept = measure("keep-20")
trimmed, answer_trimmed = measure("trimmed", trim)
summarized, answer_summarized = measure("summarized", summarize)
smallest, _ = measure("smallest", trim, keep=5)

assert everything > kept > summarized > trimmed > smallest
assert "Bob" in answer_kept
assert "Bob" not in answer_trimmed
assert "Bob" in answer_summarized

# %% [markdown] id="sees"
"""
With `keep=20`, every message is still there. The trimmed thread has forgotten your name; the summary has kept it. A
removed message leaves Redis together with the last checkpoint that holds it, so sooner with a smaller `keep`.

**Fewer writes.** With `invoke(…, durability="exit")`, LangGraph saves one checkpoint, at the end of the turn, and sends
less than half as much to Redis. But if the process dies in the middle, the whole turn is lost, your question included.

### What the model sees

Often you want to store everything and send only the latest part. `@wrap_model_call` changes the request to the model,
and nothing in the thread.
"""

# %% id="window"
from langchain.agents.middleware import wrap_model_call

seen = []


@wrap_model_call
def last_three(request, handler):
    seen.append(request.messages[-3:])
    return handler(request.override(messages=seen[-1]))


viewer = create_agent(chat_model(), middleware=[last_three], checkpointer=saver)

state = viewer.invoke({"messages": QUESTION}, {"configurable": {"thread_id": f"{THREAD_ID}-keep-20"}})

assert len(seen[-1]) == 3
assert len(state["messages"]) == 62

# %% [markdown] id="move"
"""
## Move a chat history into a thread

Do you have conversations in `RedisChatMessageHistory` or `MemorystoreChatMessageHistory`, as in lessons 1 and 2?
`update_state` copies one into a thread. `model` is the name of the agent's step that calls the model, and
`as_node="model"` says that it spoke last, so the turn is over; without it, the agent would be about to answer again. The
history itself stays. Move each one once: a second call adds messages that have no ID a second time.
"""

# %% id="moved"
from helpers import RedisChatMessageHistory

history = RedisChatMessageHistory(f"{THREAD_ID}-old", client=client)
history.clear()
history.add_user_message(GREETING)
history.add_ai_message("👋")

saver.delete_thread(f"{THREAD_ID}-moved")
moved = {"configurable": {"thread_id": f"{THREAD_ID}-moved"}}

agent = create_agent(chat_model(), checkpointer=saver)
agent.update_state(moved, {"messages": history.messages}, as_node="model")
state = agent.invoke({"messages": QUESTION}, moved)
print(state["messages"][-1].content)

assert "Bob" in state["messages"][-1].content

# %% [markdown] id="read-back"
"""
In the other direction, `get_state` gives you the thread's messages, and `add_messages` adds the new ones to the history.
"""

# %% id="read-messages"
messages = agent.get_state(moved).values["messages"]
history.add_messages(messages[2:])

assert [message.content for message in history.messages] == [message.content for message in messages]

# %% [markdown] id="security"
"""
## Anyone who can write to Redis can write to your agent

Whoever changes a thread changes what your agent believes. Protect the server with a password and TLS, and give your
program a user of its own, as [lesson 1](01_redis.ipynb) shows. For threads, the rule is `~thread:*` and
`+ping +eval +evalsha +exists +set +hget +hmget +hset +hdel +hgetall +expire +del +type +scan`, beside that lesson's for
histories; this notebook also needs `+ttl`. Two things help further:

- `RedisSaver` reads strictly: it revives types of Python and LangChain and no others, so a forged checkpoint can't
  run code. LangGraph's serializer is that strict only if you ask for it.
- Redis stores conversations as readable text. One line encrypts them. It needs `pip install pycryptodome`, and a secret
  key of 32 characters in the environment variable `LANGGRAPH_AES_KEY`. This saver refuses threads stored without it:

```python
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

saver = RedisSaver(client, serde=EncryptedSerializer.from_pycryptodome_aes(saver.serde))
```

**On Memorystore**, a full instance by default deletes keys that have a time to live, the least recently used first. A
thread is one key, so it goes or stays as a whole. If a thread must never go, leave `ttl` out.
"""

# %% [markdown] id="cleanup"
"""
## Clean up

`delete_thread` deletes a thread with all its checkpoints, for good. Here you delete what this notebook wrote, and
nothing else.
"""

# %% id="delete"
from helpers import RedisChatMessageHistory

suffixes = "stranger travel case everything keep-20 trimmed summarized smallest moved".split()
threads = [THREAD_ID, *[f"{THREAD_ID}-{suffix}" for suffix in suffixes]]
threads += [f"{THREAD_ID}-guest-{number}" for number in range(5)]

for thread_id in threads:
    saver.delete_thread(thread_id)
old = RedisChatMessageHistory(f"{THREAD_ID}-old", client=client)
old.clear()

assert not any(client.exists(saver.key(thread_id)) for thread_id in threads)
assert len(old) == 0

# %% [markdown] id="which"
"""
## Which class when?

| you have | take |
|---|---|
| new code | `create_agent`, or a LangGraph graph, with `RedisSaver` |
| code with `RunnableWithMessageHistory`, which LangChain removes in version 2.0 | the history class that it uses now, until you move |
| conversations stored by `langchain_community` | `RedisChatMessageHistory` |
| conversations stored by `langchain_google_memorystore_redis` | `MemorystoreChatMessageHistory` |

## What next?

- [Exercises](03_agents_exercises.ipynb) on this lesson, with checks and solutions.
- Lessons [1](01_redis.ipynb), on addresses, passwords and users, and [2](02_memorystore.ipynb), on Memorystore.
- [The kit on GitHub]({{repository}}), with these lessons in other languages.
- LangChain's documentation: [persistence](https://docs.langchain.com/oss/python/langgraph/persistence) and
  [short-term memory](https://docs.langchain.com/oss/python/langchain/short-term-memory).
"""
