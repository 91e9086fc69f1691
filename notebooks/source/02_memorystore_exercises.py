# %% [markdown] id="title"
"""
# Exercises: chat history in Google Cloud Memorystore

Five exercises for [lesson 2](02_memorystore.ipynb), from two minutes to a challenge. Each has a cell to fill in and a
check, which says what is right and what is not yet. Do them in any order, and run a check as often as you like.
"""

# %% [markdown] id="setup"
"""
## Setup

Run the three cells below. The first two are the same as in the lesson. You can also choose **Run all**: the check of a
cell that is still empty says so, and the notebook goes on.

Leave the form as it is. Of its fields the exercises use the region, the instance's ID and the session. They practise on
the emulator even if you name a project: nothing reaches Google Cloud, and nothing costs anything.

In the cells to fill in, a comment that begins with ✎ says what to write. Below each check you find a hint and a
solution, both folded. Yours may look different: the check looks at what your code does, not at how it does it.
"""

# %% id="install" like="02_memorystore"

# %% id="form" like="02_memorystore"

# %% id="begin" tags=["translate"]
import json

from helpers import MemorystoreChatMessageHistory, connect
from helpers.emulator import practice_project
from helpers.exercises import exercise
from helpers.memorystore import create_instance, list_instances

project = practice_project()
name = f"projects/{project}/locations/{REGION}/instances/{INSTANCE_ID}"
create_instance(name, tier="STANDARD_HA", exist_ok=True)
client = connect(name)


def texts(history):
    """What the messages of a history say."""
    return [message.content for message in history.messages]


def described(instance_name):
    """What the API says about an instance, or None if there is no such instance."""
    found = [one for one in list_instances(project, REGION) if one.name == instance_name]
    return found[0] if found else None

# %% [markdown] id="other"
"""
## 1. The other class (2 minutes)

Store two messages in the history `other`: `one`, then `two`. What is the key of its list in Redis, and which text is in
the record at index 0? Write them into `key` and `first`. What is different in lesson 1?
"""

# %% id="other-cell" tags=["translate", "solution"]
other = MemorystoreChatMessageHistory(client, f"{SESSION_ID}-order")
other.clear()  # so that you can run this cell again

# ✎ Store the two messages.
for text in ["one", "two"]:
    other.add_user_message(text)

# ✎ What is the key, and which text is at index 0?
key = f"{SESSION_ID}-order"
first = "one"

# %% id="other-check" tags=["translate"]
with exercise("02_memorystore", "other") as check:
    check("The history returns the two messages, in their order.", texts(other), ["one", "two"])
    check("`key` is the key of the list.", key, other.key)
    at_0 = [json.loads(record)["data"]["content"] for record in client.lrange(other.key, 0, 0)]
    check("`first` is the text at index 0.", first, lambda text: [text] == at_0)

# %% [markdown] id="other-hint" tags=["hint"]
"""
`client.scan_iter()` yields the keys of the instance, and `client.lrange(other.key, 0, -1)` returns the records.
"""

# %% [markdown] id="create"
"""
## 2. A small instance (5 minutes)

Create the instance `small` in Memorystore for Redis, with 2 GB and without a replica. Then find out, from Memorystore's
API, which tier it has, and which port it listens on. Write them into `tier` and `port`.
"""

# %% id="create-cell" tags=["translate", "solution"]
small = f"{name}-small"

# ✎ Create the instance, and allow for one that is there already, so that you can run this cell again.
create_instance(small, memory_gb=2, replica_count=0, exist_ok=True)

# ✎ What does the API say about it?
tier = "BASIC"
port = 6378

# %% id="create-check" tags=["translate"]
with exercise("02_memorystore", "create") as check:
    instance = described(small)
    if check("There is an instance of that name.", instance, lambda one: one is not None):
        check("It has 2 GB.", instance.memory_gb, 2)
        check("It has no replica.", instance.tier, lambda value: value != "STANDARD_HA")
        check("You can use it.", instance.ready, True)
        check("`tier` is its tier.", tier, instance.tier)
        check("`port` is its port.", port, instance.port)

# %% [markdown] id="create-hint" tags=["hint"]
"""
`help(create_instance)` lists the arguments. `get_instance` and `list_instances` from `helpers.memorystore` ask the API.
TLS decides which port it is.
"""

# %% [markdown] id="room"
"""
## 3. Who makes room? (5 minutes)

Make two histories. A full instance, with Memorystore's default policy, never removes the conversation in `archive`. It
may remove the conversation in `visitor`. That one also expires a day after the last write, and holds at most 50
messages. The session IDs are `f"{SESSION_ID}-archive"` and `f"{SESSION_ID}-visitor"`.
"""

# %% id="room-cell" tags=["translate", "solution"]
# ✎ Make the two histories.
archive = MemorystoreChatMessageHistory(client, f"{SESSION_ID}-archive")
visitor = MemorystoreChatMessageHistory(client, f"{SESSION_ID}-visitor", ttl=24 * 3600, max_messages=50)

# %% id="room-check" tags=["translate"]
with exercise("02_memorystore", "room") as check:
    keys = [archive.key, visitor.key]
    check("The sessions are those of the exercise.", keys, [f"{SESSION_ID}-archive", f"{SESSION_ID}-visitor"])
    for history in [archive, visitor]:
        history.clear()
        for number in range(60):
            history.add_user_message(str(number))
    check("A full instance never removes `archive`.", client.ttl(archive.key), -1)
    check("`archive` holds all 60 messages.", client.llen(archive.key), 60)
    day = 24 * 60 * 60
    check("`visitor` expires after a day.", client.ttl(visitor.key), lambda seconds: day - 60 < seconds <= day)
    check("`visitor` holds at most 50 messages.", client.llen(visitor.key), 50)

# %% [markdown] id="room-hint" tags=["hint"]
"""
*When memory runs out* in the lesson says which keys the policy `volatile-lru` removes, and which it never does. Times
are in seconds.
"""

# %% [markdown] id="failover"
"""
## 4. What a failover leaves (5 minutes)

The cell stores five messages. Have the instance fail over to its replica, keep what `failover_instance` returns in
`operation`, and wait until it has ended. Then count how many of the messages were lost, and write the number into
`lost`.
"""

# %% id="failover-cell" tags=["translate", "solution"]
from helpers.memorystore import failover_instance

steadfast = MemorystoreChatMessageHistory(client, f"{SESSION_ID}-failover")
steadfast.clear()
for number in range(1, 6):
    steadfast.add_user_message(f"Message {number}")

# ✎ Have the instance `name` fail over, and wait until it has.
operation = failover_instance(name)

# ✎ How many messages were lost?
lost = 5 - len(steadfast)

# %% id="failover-check" tags=["translate"]
with exercise("02_memorystore", "failover") as check:
    check("The failover has ended.", operation, lambda one: one.done())
    check("The messages are in their order.", texts(steadfast), lambda found: found == sorted(found))
    check("`lost` is the number of messages that are missing.", lost, 5 - len(steadfast))

# %% [markdown] id="failover-hint" tags=["hint"]
"""
Unless you tell it otherwise, `failover_instance` waits. `len(steadfast)` asks Redis how many messages there are.
"""

# %% [markdown] id="temporary"
"""
## 5. Challenge: an instance that is always deleted (20 minutes)

An instance costs money until you delete it, even if your program fails in between. Write a context manager that creates
an instance, hands over a client that is connected to it, and deletes the instance at the end of the `with` block,
whatever happens in the block. An error in the block must still reach the caller.
"""

# %% id="temporary-cell" tags=["translate", "solution"]
from contextlib import contextmanager

from helpers.memorystore import delete_instance


@contextmanager
def temporary_instance(instance_name):
    """An instance for the time of a block."""
    # ✎ Create the instance, yield the client, delete the instance.
    create_instance(instance_name)
    try:
        yield connect(instance_name)
    finally:
        delete_instance(instance_name, confirm=instance_name)

# %% id="temporary-check" tags=["translate"]
class Mishap(Exception):
    """What goes wrong in the second block."""


with exercise("02_memorystore", "temporary") as check:
    passing = f"{name}-passing"
    if described(passing):
        delete_instance(passing, confirm=passing)

    with temporary_instance(passing) as guest:
        check("During the block there is an instance.", described(passing), lambda one: one is not None)
        history = MemorystoreChatMessageHistory(guest, SESSION_ID)
        history.add_user_message("👋")
        check("The client reaches it.", texts(history), ["👋"])
        check("It is not the instance of the other exercises.", client.exists(SESSION_ID), 0)
    check("After the block it is gone.", described(passing), None)

    reached = False
    try:
        with temporary_instance(passing):
            raise Mishap
    except Mishap:
        reached = True
    check("After an error in the block it is gone too.", described(passing), None)
    check("The error reaches the caller.", reached, True)

# %% [markdown] id="temporary-hint" tags=["hint"]
"""
In a generator with `@contextmanager`, what comes before `yield` runs before the block, and what comes after it runs
after the block. If the block fails, the error is raised at the `yield`: which statement of Python runs code in either
case? `delete_instance` asks for the name once more, with `confirm`.
"""

# %% [markdown] id="cleanup"
"""
## Clean up

This cell deletes the instances of these exercises, with everything in them.
"""

# %% id="end"
from helpers.memorystore import delete_instance

for instance in list_instances(project, REGION):
    if instance.name.startswith(name):
        delete_instance(instance.name, confirm=instance.name)

assert not [one for one in list_instances(project, REGION) if one.name.startswith(name)]

# %% [markdown] id="next"
"""
## What next?

- [Lesson 3](03_agents.ipynb) and [its exercises](03_agents_exercises.ipynb), on agents that remember.
- [The exercises of lesson 1](01_redis_exercises.ipynb), on chat history in Redis.
"""
