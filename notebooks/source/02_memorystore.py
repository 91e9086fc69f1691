# %% [markdown] id="title"
"""
# Chat history in Google Cloud Memorystore

[Memorystore for Redis](https://cloud.google.com/memorystore/docs/redis/memorystore-for-redis-overview) is Redis run
by Google Cloud: you choose a size, and updates and monitoring are taken care of, and in the Standard tier failover
too. Data is kept in memory, so reading and writing take less than a millisecond from inside your network.

This notebook stores chat messages there with `MemorystoreChatMessageHistory` and puts them to use in a
[LangChain](https://docs.langchain.com/oss/python/langchain/overview) chain. If Redis is new to you, read [Chat
history in Redis](01_redis.ipynb) first.
"""

# %% [markdown] id="learn"
"""
## What you will learn

- what an instance needs, what it costs, and how to reach its private address;
- to sign in to Google Cloud on Colab, Colab Enterprise, Workbench and a laptop;
- to store and retrieve messages with `MemorystoreChatMessageHistory`;
- to give a chain a memory;
- to clean up: the conversation, and the instance.

Choose **Run all**, with or without a Google Cloud project. As long as the forms are blank and the environment names
neither a project (`GOOGLE_CLOUD_PROJECT`) nor a server (`REDIS_URL`), the notebook practises on an embedded server,
signs in to nothing and costs nothing. The code is the same for an instance of yours.
"""

# %% [markdown] id="before"
"""
## Before you begin

Only for an instance of your own:

1. [Create a Google Cloud project](https://developers.google.com/workspace/guides/create-project) with billing
   switched on.
2. [Enable the Memorystore for Redis
   API](https://console.cloud.google.com/flows/enableapi?apiid=redis.googleapis.com).
3. [Create a Memorystore for Redis instance](https://cloud.google.com/memorystore/docs/redis/create-instance-console)
   of version 5.0 or later. With gcloud, the smallest one is:

```shell
gcloud redis instances create chat --size=1 --tier=basic --region=REGION --redis-version=redis_7_2
```

That is the Basic tier: one node, without failover. The Standard tier (`--tier=standard`) keeps a replica ready.

**Cost.** An instance is billed by the hour from its creation until it is deleted, used or not. It cannot be paused.
See [pricing](https://cloud.google.com/memorystore/docs/redis/pricing). The section on cleaning up deletes it.
"""

# %% [markdown] id="setup"
"""
## Setup

The cell installs the kit where the notebook is opened on a hosted platform. You may know notebooks that restart the
kernel after an install. This one has no need to: a restart is called for when a package that is already loaded gets
replaced, and the constraint file keeps every package that the platform brought at its version. Only new ones are
added.
"""

# %% id="install"
import importlib.util

# The kit is missing: this is a hosted runtime.
if importlib.util.find_spec("helpers") is None:
    !pip list --format=freeze > /tmp/preinstalled.txt
    %pip install --quiet --constraint /tmp/preinstalled.txt "git+{{repository}}"

import helpers

# %% [markdown] id="project"
"""
### Your Google Cloud project

Leave it blank to practise, or where the environment variable `GOOGLE_CLOUD_PROJECT` names it. If you do not know your
project's ID:

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
| Vertex AI Workbench | nothing to do: the instance's service account, or you, if it was set up so ([how to set it up](https://github.com/GoogleCloudPlatform/generative-ai/tree/main/setup-env)) |
| laptop, local Jupyter | run `gcloud auth application-default login` once in a terminal |

Then the project is made the default of the gcloud command, where there is one.
"""

# %% id="authenticate"
import shutil

from helpers import authenticate

project = authenticate(PROJECT_ID)

if project and shutil.which("gcloud"):
    !gcloud config set project {project} --quiet

# %% [markdown] id="endpoint"
"""
### The endpoint

An instance has a private address: it answers inside its network and nowhere else. Find address and port with `gcloud
redis instances describe INSTANCE --region=REGION`, then:

| from where | how |
|---|---|
| Workbench | create the Workbench instance in the same network; then use the address as it is |
| Colab Enterprise | use a runtime template with that network (not verified by us) |
| laptop | open a tunnel through a small VM in the network, and use `redis://127.0.0.1:6379` |
| Colab | connect Colab to a local runtime on the laptop that holds the tunnel |

The tunnel is one command, which keeps running in a terminal of its own:

```shell
gcloud compute ssh VM --zone=ZONE --tunnel-through-iap -- -N -L 6379:REDIS_IP:6379
```

It needs the role `roles/iap.tunnelResourceAccessor` and a firewall rule that lets 35.235.240.0/20 reach the VM on
port 22.

If AUTH is enabled on the instance, the password is the AUTH string. Keep it out of the notebook: leave the endpoint
blank and set the environment variable before Jupyter starts.

```shell
export REDIS_URL=redis://:$(gcloud redis instances get-auth-string INSTANCE --region=REGION --format='value(authString)')@127.0.0.1:6379
```

With in-transit encryption the address is `rediss://`, the port 6378, and `connect` needs the instance's certificate
authority: `connect(ENDPOINT, ssl_ca_certs="server-ca.pem")`. That works inside the network; through a tunnel the
certificate does not name the tunnel's end, and is refused.
"""

# %% id="endpoint-form" tags=["translate"]
# @title Endpoint and session
# @markdown Blank endpoint: `REDIS_URL`, else practice on the embedded server.
ENDPOINT = ""  # @param {type:"string", placeholder:"redis://10.0.0.3:6379"}
SESSION_ID = "memorystore-tutorial-en"  # @param {type:"string"}

# %% id="connect"
from helpers import connect

client = connect(ENDPOINT)

assert client.ping()

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
the answer afterwards. LangChain has deprecated it; [Chat history in Redis](01_redis.ipynb) says why it is taught all
the same, and what comes after it. Without `OPENAI_API_KEY` or `OPENAI_BASE_URL` an offline model answers, which knows
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

# %% [markdown] id="eviction"
"""
### When memory runs out

An instance that is full removes keys by itself. Memorystore's default policy, `volatile-lru`, removes only keys that
have a time to live, the least recently used first. A history with a `ttl` is therefore what makes room, and one
without stays until you delete it. Where no key has a time to live, nothing can be removed, and a full instance
refuses every write. Decide which of the two your conversations are.
"""

# %% id="expiring"
expiring = MemorystoreChatMessageHistory(client, f"{SESSION_ID}-expiring", ttl=3600, max_messages=100)
expiring.add_user_message(GREETING)

assert 0 < client.ttl(expiring.key) <= 3600

# %% [markdown] id="cleanup"
"""
## Clean up

### The conversation

When a conversation is no longer needed, `clear` deletes it. **The messages are then gone from Memorystore for good.**
"""

# %% id="clear"
for session in [SESSION_ID, f"{SESSION_ID}-stranger", f"{SESSION_ID}-expiring"]:
    finished = MemorystoreChatMessageHistory(client, session)
    finished.clear()
    assert finished.messages == []

# %% [markdown] id="delete"
"""
### The instance

As long as the instance exists, it costs money. To delete it, with everything in it, give its full name, tick the box
and run the cell. It needs the role `roles/redis.admin` and takes a few minutes.
"""

# %% id="delete-instance" tags=["translate"]
# @title Delete the instance
# @markdown Deletes the instance and all that it holds. This cannot be undone.
DELETE_INSTANCE = False  # @param {type:"boolean"}
INSTANCE = ""  # @param {type:"string", placeholder:"projects/PROJECT/locations/REGION/instances/INSTANCE"}

if DELETE_INSTANCE:
    assert INSTANCE, "Give the full name of the instance."
    from google.cloud import redis_v1

    operation = redis_v1.CloudRedisClient().delete_instance(name=INSTANCE, timeout=30)
    operation.result(timeout=1800)
    print("Deleted:", INSTANCE)
else:
    print("Nothing was deleted.")

# %% [markdown] id="next"
"""
## What next?

- [Chat history in Redis](01_redis.ipynb): what Redis holds, streaming, async, and bounding a history.
- [The kit on GitHub]({{repository}}), with these tutorials in other languages.
- An instance of your own: fill in the forms above and choose **Run all** again.
- [Memorystore for Redis](https://cloud.google.com/memorystore/docs/redis) in Google Cloud's documentation.
"""
