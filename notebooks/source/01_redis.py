# %% [markdown] id="title"
"""
# Chat history in Redis

A chat model remembers nothing. Whatever it knows of your conversation, your program sends along with every question,
so something has to keep the conversation between two turns. [Redis](https://redis.io/docs/latest/get-started/)
(Remote Dictionary Server) is a good place for it: an open-source, in-memory store of keys and values, used as a
database, a cache and a message broker, with persistence if you switch it on. It answers within a millisecond, many
processes can share it, and it can forget on its own.

This notebook stores a chat in Redis, looks at what is really there, and puts it to use in a
[LangChain](https://docs.langchain.com/oss/python/langchain/overview) chain.
"""

# %% [markdown] id="new-code"
"""
**Are you writing new code?** Take lesson 3, [Agents that remember](03_agents.ipynb). LangChain has deprecated the
classes that this lesson and the next one build on. Stay here if you maintain code that uses them, or want to see how
simple a chat memory can be.
"""

# %% [markdown] id="learn"
"""
## What you will learn

- to connect to Redis without a password in the notebook, and to give an application a user with no more rights than
  it needs;
- to store and retrieve messages with `RedisChatMessageHistory`;
- what such a history is: one Redis list, one JSON record a message;
- to give a chain a memory, one per session, with streaming and async;
- to keep a history bounded in time and in length, and to clean up.

Choose **Run all**. Nothing else is needed: without a server of yours the notebook starts one of its own, and without
an API key an offline stand-in answers in place of a chat model. Plain `assert`s check what the text says, so if the
last cell has run, everything above it is true.
"""

# %% [markdown] id="setup"
"""
## Setup

The first cell installs the kit where the notebook is opened on a hosted platform such as Colab. It keeps every
package that the platform already has at its version, so the runtime needs no restart, and says what it has added. Where
the kit is installed, it does nothing.
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

# %% id="language" tags=["translate"]
helpers.speak("en")

# %% [markdown] id="endpoint"
"""
### Where is your Redis?

Leave the endpoint blank to use the environment variable `REDIS_URL` or, where that is not set, an embedded server
that lives as long as this notebook's kernel. Otherwise give an address:

| address | meaning |
|---|---|
| `redis://localhost:6379` | Redis on this machine, for example after `docker run -p 6379:6379 redis:8` or `redis-server` |
| `rediss://HOST:PORT` | the same with TLS |
| `unix:///run/redis/redis.sock` | through a Unix socket |
| `redis+cluster://HOST:PORT` | any node of a Redis Cluster; with TLS `rediss+cluster://` |

The session ID names the conversation. On a server that you share with others, take one that nobody else uses: this
notebook writes only to conversations whose IDs begin with it, and deletes them at the end.
"""

# %% id="form" tags=["translate"]
# @title Endpoint and session
# @markdown Blank endpoint: `REDIS_URL`, else the embedded server.
ENDPOINT = ""  # @param {type:"string", placeholder:"redis://localhost:6379"}
SESSION_ID = "redis-tutorial-en"  # @param {type:"string"}

# %% [markdown] id="preflight"
"""
### Preflight

`connect` returns an ordinary [redis-py](https://redis.readthedocs.io/) client, after the server has answered. A
server that cannot be reached shows here and now, within four seconds, and not in the middle of the lesson. If something
does not work, run `helpers.doctor()` in a new cell: it says what this environment has and lacks.
"""

# %% id="connect"
from helpers import connect

client = connect(ENDPOINT)

assert client.ping()

# %% id="latency" tags=["translate", "varies"]
from time import perf_counter

start = perf_counter()
client.ping()
print(f"A round trip takes {(perf_counter() - start) * 1000:.2f} ms.")

# %% [markdown] id="authentication"
"""
## Authentication

A password that is typed into a cell is saved with the notebook, and shared with it. It belongs in the place that your
platform has for secrets, from where it reaches `connect` without ever being shown:

| platform | where the secret is kept | how the notebook gets it |
|---|---|---|
| Colab | the *Secrets* panel (key symbol, left) | `connect(ENDPOINT, password=secret("REDIS_PASSWORD"))` after `from helpers import secret` |
| Colab Enterprise, Workbench | Secret Manager | `connect(ENDPOINT, password=…)` with what Secret Manager's client returns |
| local Jupyter | your shell | `export REDIS_URL=redis://:PASSWORD@HOST:PORT` before `make lab` |
| GitHub Actions | *Secrets* of the repository | `env:` of the workflow's step |

Where `REDIS_URL` holds the password, the endpoint above stays blank and the code needs no change.
"""

# %% [markdown] id="acl"
"""
### A user who may touch the chats, and nothing else

A password opens the whole server. Since version 6, Redis can do better: an
[ACL](https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/) user is limited to some commands
and some keys. Your server's users are not this notebook's business, so the next cells start a second embedded server
to practise on. Read the rule from left to right: the user is `on`, has a password, may touch keys that begin with
`message_store:`, and of all commands may only use those that a history needs.
"""

# %% id="acl-user"
import secrets

from helpers import RedisChatMessageHistory
from helpers.embedded import EmbeddedServer

practice = EmbeddedServer().start()
admin = connect(practice.url)

password = secrets.token_urlsafe()
admin.execute_command(
    *f"ACL SETUSER chat on >{password} ~message_store:*".split(),
    *"-@all +ping +eval +exists +set +lpush +ltrim +expire +llen +lrange +del".split(),
)

chat_user = connect(practice.url, username="chat", password=password)

assert RedisChatMessageHistory("anyone", client=chat_user).messages == []

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

`connect` says what the server said and, in the last line, what helps.
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

# %% [markdown] id="store"
"""
## Store and retrieve messages

A history takes a session ID and a client. If your code uses the class of the same name in `langchain_community`,
change the import and leave the rest: the constructor's arguments, `url` among them, and the stored data are the same.
"""

# %% id="open"
history = RedisChatMessageHistory(SESSION_ID, client=client)

# %% id="store-messages" tags=["translate"]
history.clear()  # what an earlier run of this notebook may have left

history.add_user_message("Hi!")
history.add_ai_message("What's up?")

# %% id="retrieve"
for message in history.messages:
    print(f"{message.type}: {message.content}")

assert [message.type for message in history.messages] == ["human", "ai"]

# %% [markdown] id="again"
"""
The object holds no messages; Redis does. Another object, another process or tomorrow's program reads the same
conversation by the same session ID. If you started this page with `make lab`, or use a Redis of your own, you can see
it: run the notebook up to here, restart the kernel, and run the cells above once more, leaving out the one that
clears the history and writes to it. The conversation is still there.
"""

# %% id="same-session"
another = RedisChatMessageHistory(SESSION_ID, client=client)

assert another.messages == history.messages

# %% [markdown] id="inside"
"""
## What Redis holds

No magic: the key is `message_store:` and the session ID, and its value is a
[list](https://redis.io/docs/latest/develop/data-types/lists/). Each element is a message as JSON, with a `type` and
its `data`. The newest comes first. The last message of each write also carries the write's ID, by which a write that had
to be sent twice is stored once.
"""

# %% id="records"
import json

records = client.lrange(history.key, 0, -1)
for index, record in enumerate(records):
    message = json.loads(record)
    print(index, message["type"], message["data"]["content"], f"{len(record)} B", sep="  ")

assert client.type(history.key) == b"list"
assert [json.loads(record)["type"] for record in records] == ["ai", "human"]

# %% [markdown] id="inside-length"
"""
The length of the list is the number of messages. A time to live of -1 means that Redis keeps the list until someone
deletes it; we will come back to that.
"""

# %% id="length" tags=["translate"]
print("messages:", client.llen(history.key))
print("time to live:", client.ttl(history.key))

assert client.llen(history.key) == len(history) == 2
assert client.ttl(history.key) == -1

# %% [markdown] id="explorer"
"""
### All sessions at a glance

`SessionExplorer` lists the sessions whose keys begin with a prefix. Sort and filter them, open one to read it, export it
to a file, import it elsewhere, or delete it. Where no kernel runs, on GitHub for example, you see a picture of it, as of
every widget here.
"""

# %% id="explore"
from helpers.widgets import SessionExplorer

SessionExplorer(client, prefix=history.key)

# %% [markdown] id="chain"
"""
## Use it in a chain

`RunnableWithMessageHistory` puts a history around a chain: before each call it reads the session's messages into the
prompt, and afterwards it stores the question and the answer.

**An honest word.** LangChain has deprecated this class (since langchain-core 1.3.3) and the base class of all such
histories (since 1.6.4), and has announced that both will be removed in version 2.0. It is taught here because it is
what today's code uses, and because it shows plainly what a chat memory does. What takes its place, LangGraph's
checkpointers, stands at the end.

With `OPENAI_API_KEY` or `OPENAI_BASE_URL` in the environment, `chat_model()` is `ChatOpenAI`. Without, it is the
offline model: it marks each answer as its own and knows nothing but the messages it is given, so if it knows your
name, the history has brought it there.
"""

# %% id="conversation" tags=["translate"]
# The conversation. Change it as you like, but keep the name: the asserts look for it.
INSTRUCTION = "You are a helpful assistant. Answer in English."
GREETING = "Hi! I'm Bob."
QUESTION = "What's my name?"

# %% id="chain-built"
import warnings

from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory

from helpers import chat_model

# The deprecation is explained above; it need not be repeated below every cell.
warnings.filterwarnings("ignore", message="RunnableWithMessageHistory is deprecated")

prompt = ChatPromptTemplate.from_messages(
    [
        ("system", INSTRUCTION),
        MessagesPlaceholder("history"),
        ("human", "{question}"),
    ]
)
chain = prompt | chat_model()

chain_with_history = RunnableWithMessageHistory(
    chain,
    lambda session_id: RedisChatMessageHistory(session_id, client=client),
    input_messages_key="question",
    history_messages_key="history",
)

# %% [markdown] id="introduce"
"""
Introduce yourself, then ask for your name. The `config` says which session a call belongs to.
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
A second session is a second list. It does not know you.
"""

# %% id="name-unknown"
stranger = {"configurable": {"session_id": f"{SESSION_ID}-stranger"}}

reply = chain_with_history.invoke({"question": QUESTION}, config=stranger)
print(reply.content)

assert "Bob" not in reply.content

# %% [markdown] id="streaming"
"""
### Streaming

`stream` yields the answer piece by piece, as a chat window shows it. When the last piece has come, the whole answer
is stored.
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

In a web server many conversations wait at once. The async methods use redis-py's asyncio client, so waiting for Redis
blocks no thread and no event loop. A notebook has an event loop already: write `await`, not `asyncio.run`.
"""

# %% id="ainvoke"
reply = await chain_with_history.ainvoke({"question": QUESTION}, config=config)
print(reply.content)

messages = await history.aget_messages()

assert "Bob" in reply.content
assert messages[-1].content == reply.content

# %% [markdown] id="bounded"
"""
## Keep it bounded

A conversation that only grows costs memory in Redis and tokens at every turn. Three arguments bound it:

| argument | what it bounds |
|---|---|
| `ttl` | time, in seconds: Redis forgets the conversation that long after the latest write |
| `window` | reading: `messages` returns this many of the latest messages, and Redis sends no others |
| `max_messages` | storage: Redis keeps this many of the latest messages |

A window never begins with the result of a tool whose call it cut off, since no chat model accepts that.
"""

# %% id="bounds" tags=["translate"]
from langchain_core.messages import AIMessage, HumanMessage

bounded = RedisChatMessageHistory(
    f"{SESSION_ID}-bounded", client=client, ttl=3600, window=2, max_messages=6
)
bounded.clear()
for turn in range(1, 11):
    bounded.add_messages([HumanMessage(f"question {turn}"), AIMessage(f"answer {turn}")])

print("stored:  ", client.llen(bounded.key))
print("returned:", [message.content for message in bounded.messages])

assert len(bounded) == 6
assert [message.content for message in bounded.messages] == ["question 10", "answer 10"]

# %% [markdown] id="ttl"
"""
The clock restarts with every write, so a conversation that goes on is kept, and one that was left behind vanishes an
hour later.
"""

# %% id="clock" tags=["translate"]
client.expire(bounded.key, 60)
assert client.ttl(bounded.key) <= 60

bounded.add_messages([HumanMessage("question 11"), AIMessage("answer 11")])
assert 3500 < client.ttl(bounded.key) <= 3600

# %% [markdown] id="live"
"""
### See it live

A chat, and beside it the Redis list that it is kept in. Type a line and press Enter: the list grows, the clock starts
again, and once six messages are there, the oldest one falls off. The coloured ones are the window, which is all that the
model is given. Nothing below depends on what you type.
"""

# %% id="panel"
from helpers.widgets import ChatPanel

panel = ChatPanel(
    chain,
    f"{SESSION_ID}-panel",
    lambda session_id: RedisChatMessageHistory(session_id, client=client, ttl=3600, window=4, max_messages=6),
)
panel.clear()
await panel.send(GREETING)
answer = await panel.send(QUESTION)

assert "Bob" in answer
panel

# %% [markdown] id="cleanup"
"""
## Clean up

`clear` deletes one conversation, for good. We delete the four that this notebook wrote, and nothing else. What you began
in the panel under another name stays.
"""

# %% id="clear"
for session in [SESSION_ID, f"{SESSION_ID}-stranger", f"{SESSION_ID}-bounded", f"{SESSION_ID}-panel"]:
    finished = RedisChatMessageHistory(session, client=client)
    finished.clear()
    assert len(finished) == 0

# %% [markdown] id="next"
"""
## What next?

- [Chat history in Google Cloud Memorystore](02_memorystore.ipynb): the same in Google Cloud's managed Redis.
- [The kit on GitHub]({{repository}}), with these tutorials in other languages.
- Your own Redis: set `REDIS_URL`, or fill in the form above, and choose **Run all** again.
- A real model: set `OPENAI_API_KEY`, or `OPENAI_BASE_URL` for a server of your own such as Ollama. `OPENAI_MODEL`
  names the model in either case.
- The successor: [Agents that remember, in Redis and Memorystore](03_agents.ipynb).
"""
