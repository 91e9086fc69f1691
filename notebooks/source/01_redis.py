# %% [markdown] id="title"
"""
# Chat history in Redis

A chat model remembers nothing: with each question, your program has to send what was said before. So something has to
store the conversation, and [Redis](https://redis.io/docs/latest/get-started/), an in-memory store of keys and values
that many programs can share, does that well. In this lesson you store a chat in Redis, look at what is stored, and give
a model a memory. You need some Python, no experience with Redis or LangChain, and about 30 minutes.

![In each turn your program reads the messages so far from Redis, sends them and the question to the model, and stores the
question and the answer.](diagrams/turn.svg)
"""

# %% [markdown] id="new-code"
"""
**Writing new code?** Take lesson 3, [Agents that remember](03_agents.ipynb): LangChain has deprecated the classes of
lessons 1 and 2. Stay here for existing code, or to see how simple a chat memory can be.
"""

# %% [markdown] id="setup"
"""
## Setup

Choose **Run all**, or run one cell at a time; you need no server, no API key and no account. On a hosted platform such
as Colab, the first cell installs *the kit*, the package behind these lessons. Elsewhere it does nothing. The `assert`s
check what the text says: if the last cell runs, it was true on your machine.

You can leave the form as it is. A blank endpoint means the environment variable `REDIS_URL` or, if that is not set,
an *embedded server*, which starts with this notebook (Valkey, which speaks Redis's protocol). In a class with its own
server, `join_class` puts your name before the session ID and tells your teacher how far you are; otherwise it does
nothing.
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
# @title Endpoint and session
# @markdown Leave the endpoint blank to use `REDIS_URL` or, without it, the embedded server.
ENDPOINT = ""  # @param {type:"string", placeholder:"redis://localhost:6379"}
SESSION_ID = "redis-tutorial-en"  # @param {type:"string"}

helpers.speak("en")  # the language of what the kit prints
SESSION_ID = helpers.join_class(SESSION_ID, ENDPOINT)

# %% [markdown] id="short"
"""
## In short

Here is the whole thing. A *history* reads and writes the messages of one conversation, or *session*.
"""

# %% id="whole" tags=["translate"]
from helpers import RedisChatMessageHistory, connect

client = connect(ENDPOINT)
history = RedisChatMessageHistory(SESSION_ID, client=client)
history.clear()  # what an earlier run of this notebook may have left

history.add_user_message("Hi!")
history.add_ai_message("What's up?")
print(history.messages)

assert len(history.messages) == 2

# %% [markdown] id="endpoint"
"""
## Connect

`connect` returns an ordinary [redis-py](https://redis.readthedocs.io/) client, once the server has answered. If it can't
be reached, you find out within four seconds. If something does not work, run `helpers.doctor()` in a new cell. To use
your own server, enter its address in the form above:

| address | meaning |
|---|---|
| `redis://localhost:6379` | Redis on this machine, for example after `docker run -p 6379:6379 redis:8` or `redis-server` |
| `rediss://HOST:PORT` | Redis with TLS |
| `unix:///run/redis/redis.sock` | Redis through a Unix socket |
| `redis+cluster://HOST:PORT` | any node of a Redis Cluster; with TLS `rediss+cluster://` |

On a shared server, choose a session ID that nobody else uses: this notebook writes only to sessions whose IDs begin with
it, and deletes them at the end.
"""

# %% id="connect"
assert client.ping()

# %% [markdown] id="store"
"""
## Store and retrieve messages

A history takes a session ID and a client, or `url="redis://…"`. The class replaces the one of the same name in
`langchain_community`: change only the import, and arguments and stored messages stay as they are. `messages` reads the
conversation from Redis, as LangChain's own message objects:
"""

# %% id="retrieve"
for message in history.messages:
    print(message.pretty_repr())

assert [message.type for message in history.messages] == ["human", "ai"]

# %% [markdown] id="again"
"""
The object holds no messages; Redis does. Another object, or tomorrow's program, reads the same conversation by the same
session ID. (With your own Redis, or a JupyterLab from `make lab`, you can restart the kernel in between.)
"""

# %% id="same-session"
another = RedisChatMessageHistory(SESSION_ID, client=client)

assert another.messages == history.messages

# %% [markdown] id="inside"
"""
## What Redis stores

No magic: the key is `message_store:` followed by the session ID, and its value is a
[list](https://redis.io/docs/latest/develop/data-types/lists/) with one record per message. A record is JSON, with the
message's `type` and its `data`. Here is the latest one:
"""

# %% id="record"
import re

records = client.lrange(history.key, 0, -1)
print(re.sub(r'"write":"[^"]+"', '"write":"…"', records[0].decode()))

assert client.type(history.key) == b"list"

# %% [markdown] id="write"
"""
`write` names the call that wrote the record, so that it is stored only once, even if the call has to be repeated. The
name differs with each run, hence the `…`.

The newest message comes first, because it does so in the class that this one replaces. The class of lesson 2 puts it
last for the same reason. The next cell prints the size of each record in bytes. Most of it is structure; a letter of
English takes one byte, é two, and 한, 語 or 你 three.
"""

# %% id="records"
import json

for index, record in enumerate(records):
    message = json.loads(record)
    print(index, message["type"], message["data"]["content"], len(record), sep="  ")

assert [json.loads(record)["type"] for record in records] == ["ai", "human"]

# %% [markdown] id="inside-length"
"""
The *time to live* (TTL) is the number of seconds until Redis deletes the key: -1 means never, and -2 that there is no
such key. Redis keeps its data in memory. If conversations must survive a restart of the server, switch on
[persistence](https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/).

**Conversations are personal data.** Redis stores them as readable text: anyone who can read the key, or a backup, can
read what your users wrote. Use TLS, give each program only the rights that it needs (see *Authentication* below), and
delete what you no longer need. A `ttl` is the simplest retention rule.
"""

# %% id="length" tags=["translate"]
print(f"messages: {client.llen(history.key)}")
print(f"time to live: {client.ttl(history.key)}")

assert client.llen(history.key) == len(history) == 2
assert client.ttl(history.key) == -1

# %% [markdown] id="explorer"
"""
### All sessions at a glance

In `SessionExplorer` you can sort, filter, read, export, import and delete sessions. Without a kernel, as on GitHub,
you see a picture of it.
"""

# %% id="explore"
from helpers.widgets import SessionExplorer

SessionExplorer(client, prefix=history.key)

# %% [markdown] id="by-hand"
"""
## A chat by hand

A *turn* is one question and its answer. It takes five lines: read the history, ask the model, store both. None of them
needs a class that LangChain has deprecated.

`chat_model` returns `ChatOpenAI` if `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set. Otherwise you get an offline model,
which labels its answers. It knows only the messages that it is given: if it knows your name, it read it in the history.
"""

# %% id="conversation" tags=["translate"]
# The conversation. Change it as you like, but keep the name: the asserts look for it.
INSTRUCTION = "You are a helpful assistant. Answer in English."
GREETING = "Hi! I'm Bob."
QUESTION = "What's my name?"

# %% id="turns"
from langchain_core.messages import HumanMessage

from helpers import chat_model

model = chat_model()
by_hand = RedisChatMessageHistory(f"{SESSION_ID}-by-hand", client=client)
by_hand.clear()

for text in [GREETING, QUESTION]:
    question = HumanMessage(text)
    answer = model.invoke([*by_hand.messages, question])
    by_hand.add_messages([question, answer])
    print(answer.content)

assert "Bob" in answer.content
assert len(by_hand) == 4  # two turns of two messages

# %% [markdown] id="chain"
"""
## The same with a chain

A *chain* passes what one step returns to the next. Here the steps are a *prompt*, a template for the messages to the
model, and the model; `|` joins them. `RunnableWithMessageHistory` wraps the chain: before each call it reads the
session's messages into the prompt, and after the call it stores the question and the answer. For this it takes a
*factory*, a function that returns the history of a session ID; the name of the *placeholder* that keeps the messages'
place in the prompt; and the name of the place for the question.

**Before you build on it:** LangChain has deprecated this class (since langchain-core 1.3.3) and the base class of all
such histories (since 1.6.4), and will remove both in version 2.0. `langchain-community` is being shut down, and the
class in `langchain-redis` is deprecated too (since 0.2.6). In new code, use the five lines above, or
[lesson 3](03_agents.ipynb).
"""

# %% id="chain-built"
import warnings

from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory

# The deprecation is explained above; it need not be repeated below every cell.
warnings.filterwarnings("ignore", message="RunnableWithMessageHistory is deprecated")

prompt = ChatPromptTemplate.from_messages(
    [
        ("system", INSTRUCTION),
        MessagesPlaceholder("history"),  # the messages so far go here
        ("human", "{question}"),
    ]
)
chain = prompt | model

chain_with_history = RunnableWithMessageHistory(
    chain,
    # Called with the session ID of each call: every session gets a history of its own.
    lambda session_id: RedisChatMessageHistory(session_id, client=client),
    input_messages_key="question",  # the name in the prompt under which the question goes in
    history_messages_key="history",  # the placeholder's name
)

# %% [markdown] id="introduce"
"""
Introduce yourself, then ask for your name. The `config` says which session a call belongs to. Its `configurable` holds
values for the chain's parts: here the `session_id` for the factory. Two messages were stored before, so after two turns
there are six.
"""

# %% id="greeting"
config = {"configurable": {"session_id": SESSION_ID}}

reply = chain_with_history.invoke({"question": GREETING}, config=config)
print(reply.content)

# %% id="name-known"
reply = chain_with_history.invoke({"question": QUESTION}, config=config)
print(reply.content)

assert "Bob" in reply.content
assert len(history) == 6

# %% [markdown] id="stranger"
"""
A second session is a second list, without your name.
"""

# %% id="name-unknown"
stranger = {"configurable": {"session_id": f"{SESSION_ID}-stranger"}}

reply = chain_with_history.invoke({"question": QUESTION}, config=stranger)
print(reply.content)

assert "Bob" not in reply.content

# %% [markdown] id="streaming"
"""
### Streaming

`stream` yields the answer piece by piece; the cell prints ` | ` between them. Once the last piece has arrived, the whole
answer is stored.
"""

# %% id="stream"
pieces = []
for piece in chain_with_history.stream({"question": QUESTION}, config=config):
    pieces.append(piece.content)
print(" | ".join(piece for piece in pieces if piece))

assert history.messages[-1].content == "".join(pieces)

# %% [markdown] id="async"
"""
### Async

A web server handles many conversations at once. The async methods use redis-py's asyncio client, so while one of them
waits for Redis, others go on. A notebook already runs an event loop: write `await`, not `asyncio.run`.
"""

# %% id="ainvoke"
reply = await chain_with_history.ainvoke({"question": QUESTION}, config=config)
print(reply.content)

messages = await history.aget_messages()

assert "Bob" in reply.content
assert messages[-1].content == reply.content

# %% [markdown] id="bounded"
"""
## Limit a history

A conversation that keeps growing costs memory in Redis and, at every turn, *tokens*: the pieces of text, some four
letters of English each, that models read and providers charge for. Three arguments set limits:

| argument | limits |
|---|---|
| `ttl` | time, in seconds: Redis deletes the conversation this long after the last write |
| `window` | reading: `messages` returns only this many of the latest messages, and Redis sends only those |
| `max_messages` | storage: Redis keeps only this many of the latest messages |

A window never starts with the result of a tool (see lesson 3) whose call was cut off; many models refuse that.
"""

# %% id="bounds" tags=["translate"]
from langchain_core.messages import AIMessage, HumanMessage

bounded = RedisChatMessageHistory(
    f"{SESSION_ID}-bounded", client=client, ttl=3600, window=2, max_messages=6
)
bounded.clear()
for turn in range(1, 11):
    bounded.add_messages([HumanMessage(f"question {turn}"), AIMessage(f"answer {turn}")])

print(f"stored:   {client.llen(bounded.key)}")
print(f"returned: {[message.content for message in bounded.messages]}")

assert len(bounded) == 6
assert [message.content for message in bounded.messages] == ["question 10", "answer 10"]

# %% [markdown] id="ttl"
"""
The clock restarts with every write. Active conversations are kept; abandoned ones disappear after an hour.
"""

# %% id="clock" tags=["translate"]
client.expire(bounded.key, 60)
assert client.ttl(bounded.key) <= 60

bounded.add_messages([HumanMessage("question 11"), AIMessage("answer 11")])
assert 3500 < client.ttl(bounded.key) <= 3600

# %% [markdown] id="tokens"
"""
To limit tokens, have LangChain's `trim_messages` cut what goes to the model. `approximate` is an estimate; for an exact
count, give the model itself as `token_counter`.
"""

# %% id="trimmed" tags=["translate"]
from langchain_core.messages import trim_messages

latest = trim_messages(
    history.messages, max_tokens=40, token_counter="approximate", strategy="last", start_on="human"
)
print(f"{len(latest)} of {len(history)} messages go to the model")

assert 0 < len(latest) < len(history)

# %% [markdown] id="live"
"""
### See it live

Here is a chat next to its Redis list. Type a line and press Enter: the clock restarts, and each turn pushes out the two
oldest of six messages. The model gets only the window, which is marked. Nothing below depends on what you type.
"""

# %% id="panel"
from helpers.widgets import ChatPanel

panel = ChatPanel(
    chain,
    f"{SESSION_ID}-panel",
    lambda session_id: RedisChatMessageHistory(session_id, client=client, ttl=3600, window=4, max_messages=6),
)
panel.clear()
for text in [GREETING, QUESTION, QUESTION]:
    answer = await panel.send(text)

assert "Bob" in answer
panel

# %% [markdown] id="authentication"
"""
## Authentication

A password that you type into a cell is saved and shared with the notebook. Keep it in your platform's secret store;
from there it reaches `connect` without being displayed:

| platform | where the secret is kept | how the notebook gets it |
|---|---|---|
| Colab | the *Secrets* panel (key icon, left sidebar) | `connect(ENDPOINT, password=secret("REDIS_PASSWORD"))` after `from helpers import secret` |
| Colab Enterprise, Workbench | Secret Manager | `connect(ENDPOINT, password=…)` with what Secret Manager's client returns |
| local Jupyter | your shell | `export REDIS_URL=redis://:PASSWORD@HOST:PORT` before `make lab` |

If `REDIS_URL` contains the password, leave the endpoint blank. A password signs your program in, not its users: your
program must check that a session belongs to the person who asks for it.
"""

# %% [markdown] id="acl"
"""
### A user who can access only the chats

A password alone gives access to the whole server. Redis 6 and later can do better: an
[ACL](https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/) user is limited to some commands and
some keys. The next cells practise on a second embedded server and leave yours alone.

In the rule, `on` enables the user, `>` sets a password, `~` names the keys, `-@all` takes all commands away, and `+`
gives one back. A history writes with a *script* (`eval`), a short program that Redis runs in one go; with `set` it
stores a message exactly once.
"""

# %% id="acl-user"
import secrets

from helpers import RedisChatMessageHistory
from helpers.embedded import EmbeddedServer

practice = EmbeddedServer().start()
admin = connect(practice.url)

password = secrets.token_urlsafe()
commands = ["ping", "eval", "exists", "set", "lpush", "ltrim", "expire", "llen", "lrange", "del"]
rule = ["on", f">{password}", "~message_store:*", "-@all", *(f"+{command}" for command in commands)]
admin.execute_command("ACL", "SETUSER", "chat", *rule)

chat_user = connect(practice.url, username="chat", password=password)
theirs = RedisChatMessageHistory("anyone", client=chat_user)
theirs.add_user_message("👋")

assert len(theirs) == 1

# %% id="acl-denied"
import redis

try:
    chat_user.lrange("invoices", 0, -1)
except redis.exceptions.NoPermissionError as error:
    denied = error
    print(type(error).__name__)

assert denied

# %% [markdown] id="wrong-password"
"""
### What a wrong password looks like

`connect` reports the server's error, in English so that you can search for it, and on the last line what to do.
"""

# %% id="wrong-password-shown"
try:
    connect(practice.url, username="chat", password="mistyped")
except redis.AuthenticationError as error:
    refusal = str(error)
    print(refusal.replace(practice.url, "redis://…"))

assert "password" in refusal
assert "mistyped" not in refusal

practice.stop()

# %% [markdown] id="cleanup"
"""
## Clean up

`clear` deletes one conversation, for good. The cell deletes those that this notebook wrote. Sessions that you started
in the panel under another name are kept.
"""

# %% id="clear"
for suffix in ["", "-by-hand", "-stranger", "-bounded", "-panel"]:
    finished = RedisChatMessageHistory(SESSION_ID + suffix, client=client)
    finished.clear()
    assert len(finished) == 0

# %% [markdown] id="next"
"""
## What next?

- [Exercises](01_redis_exercises.ipynb) on this lesson, with checks and solutions.
- [Agents that remember, in Redis and Memorystore](03_agents.ipynb): what to use in new code.
- [Chat history in Google Cloud Memorystore](02_memorystore.ipynb): the same in Google Cloud's managed Redis and Valkey.
- A real model: set `OPENAI_API_KEY`, or `OPENAI_BASE_URL` for your own server such as Ollama, and `OPENAI_MODEL`.
- [The kit on GitHub]({{repository}}), with these lessons in other languages.
"""
