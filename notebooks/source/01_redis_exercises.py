# %% [markdown] id="title"
"""
# Exercises: chat history in Redis

Six exercises for [lesson 1](01_redis.ipynb), from two minutes to a challenge. Each has a cell to fill in and a
check, which says what is right and what is not yet. Do them in any order, and run a check as often as you like.
"""

# %% [markdown] id="setup"
"""
## Setup

Run the three cells below. The first two are the same as in the lesson. You can also choose **Run all**: the check of
a cell that is still empty says so, and the notebook goes on.

In the cells to fill in, a comment that begins with ✎ says what to write. Below each check you find a hint and a
solution, both folded. Yours may look different: the check looks at what your code does, not at how it does it.
"""

# %% id="install" like="01_redis"

# %% id="form" like="01_redis"

# %% id="begin" tags=["translate"]
import json

from helpers import RedisChatMessageHistory, chat_model, connect
from helpers.exercises import exercise

client = connect(ENDPOINT)


def texts(history):
    """What the messages of a history say."""
    return [message.content for message in history.messages]

# %% [markdown] id="order"
"""
## 1. The order of the list (2 minutes)

Store three messages in the history `order`: `one`, `two` and `three`, one after the other. Then look at the list in
Redis, and write into `first` the text of the record at index 0.
"""

# %% id="order-cell" tags=["translate", "solution"]
order = RedisChatMessageHistory(f"{SESSION_ID}-order", client=client)
order.clear()  # so that you can run this cell again

# ✎ Store the three messages.
for text in ["one", "two", "three"]:
    order.add_user_message(text)

# ✎ Which text is at index 0?
first = "three"

# %% id="order-check" tags=["translate"]
with exercise("01_redis", "order") as check:
    check("The history returns the three messages, in their order.", texts(order), ["one", "two", "three"])
    at_0 = [json.loads(record)["data"]["content"] for record in client.lrange(order.key, 0, 0)]
    check("`first` is the text at index 0.", first, lambda text: [text] == at_0)

# %% [markdown] id="order-hint" tags=["hint"]
"""
`add_user_message` stores one message. *What Redis stores* in the lesson prints the records of a list with their
indices.
"""

# %% [markdown] id="brief"
"""
## 2. Short and forgetful (5 minutes)

Make a history `brief` of the session `f"{SESSION_ID}-brief"`. Redis keeps four of its messages, `messages` returns two,
and Redis deletes the conversation ten minutes after the last write. Then store the numbers from 1 to 9 in it, each as a
message.
"""

# %% id="brief-cell" tags=["translate", "solution"]
# ✎ Make the history.
brief = RedisChatMessageHistory(f"{SESSION_ID}-brief", client=client, ttl=600, window=2, max_messages=4)

# ✎ Store the numbers.
for number in range(1, 10):
    brief.add_user_message(str(number))

# %% id="brief-check" tags=["translate"]
with exercise("01_redis", "brief") as check:
    check("The session is the one of the exercise.", brief.session_id, f"{SESSION_ID}-brief")
    check("Redis holds four messages.", client.llen(brief.key), 4)
    check("`messages` returns the two latest numbers.", texts(brief), ["8", "9"])
    check("A write sets the time to live to ten minutes.", brief.ttl, 600)
    check("The clock is running.", client.ttl(brief.key), lambda seconds: 0 < seconds <= 600)

# %% [markdown] id="brief-hint" tags=["hint"]
"""
*Limit a history* in the lesson has a table of the three arguments. Their units are seconds and messages. A message is
a string, so convert each number with `str`.
"""

# %% [markdown] id="away"
"""
## 3. Away and back (5 minutes)

The next cell makes a session of four messages. Export it into a list of lines, delete it, and import it again. How many
lines are there, and why? Write the number into `count`.
"""

# %% id="away-cell" tags=["translate", "solution"]
from helpers.sessions import delete_session, export_sessions, import_sessions

away = RedisChatMessageHistory(f"{SESSION_ID}-away", client=client, ttl=3600)
away.clear()
for text in ["one", "two", "three", "four"]:
    away.add_user_message(text)

# ✎ Export the session. `export_sessions` takes a client and a list of keys, and yields lines.
lines = list(export_sessions(client, [away.key]))

# ✎ Delete the session, then import it from the lines.
delete_session(client, away.key)
import_sessions(client, lines)

# ✎ How many lines are there?
count = 6  # the format, the session with its time to live, and its four messages

# %% id="away-check" tags=["translate"]
with exercise("01_redis", "away") as check:
    check("`lines` is a list.", lines, lambda value: isinstance(value, list))
    exported = [json.loads(line) for line in lines]
    check("A line names the session's key.", [line["session"] for line in exported if "session" in line], [away.key])
    check("The session holds its four messages again.", texts(away), ["one", "two", "three", "four"])
    check("`count` is the number of lines.", count, len(lines))

    stored = away.messages
    delete_session(client, away.key)
    import_sessions(client, lines)
    check("The lines bring everything back.", [*away.messages, client.ttl(away.key) > 0], [*stored, True])

# %% [markdown] id="away-hint" tags=["hint"]
"""
`export_sessions` is a generator: nothing is exported before you go through it, with `list(…)` for example. So do that
before you delete the session. To see what each line says, print the lines.
"""

# %% [markdown] id="twice"
"""
## 4. Find the fault (5 minutes)

In this chat every answer is stored twice, so the model reads each of its answers twice, and you pay for that. Find out
why, and correct the function.
"""

# %% id="twice-cell" tags=["translate", "solution"]
from langchain_core.messages import HumanMessage

model = chat_model()


def answer_to(history, text):
    """Ask the model, with all that was said before, and store the turn."""
    question = HumanMessage(text)
    answer = model.invoke([*history.messages, question])
    # ✎ Correct what is wrong here.
    #~ history.add_messages([question, answer])
    #~ history.add_ai_message(answer.content)
    history.add_messages([question, answer])

    return answer.content

# %% id="twice-check" tags=["translate"]
with exercise("01_redis", "twice") as check:
    talk = RedisChatMessageHistory(f"{SESSION_ID}-twice", client=client)
    talk.clear()
    said = [answer_to(talk, text) for text in ["Hi! I'm Bob.", "What's my name?"]]
    kinds = [message.type for message in talk.messages]
    check("Each turn stores one question and one answer.", kinds, ["human", "ai"] * 2)
    check("Each answer is stored as it was given.", [m.content for m in talk.messages if m.type == "ai"], said)
    check("The model remembers the name.", said[-1], lambda text: "Bob" in text)

# %% [markdown] id="twice-hint" tags=["hint"]
"""
Two lines store something. Which messages does each of them store?
"""

# %% [markdown] id="neighbour"
#: NOPERM: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""
## 5. Your neighbour (10 minutes)

Anna, Annabel and Ben share a server. Their session IDs begin with their names and a hyphen, such as `anna-1`. Write the
pattern of the keys that Anna's user may access: all of her own sessions, and nobody else's.

The check starts a server to practise on, and tries out your pattern there. If your class shares a server, also look for
your neighbours' sessions with `client.scan_iter("message_store:*")`, and try to read one. What can you find out, and
what not?
"""

# %% id="neighbour-cell" tags=["translate", "solution"]
# ✎ The pattern of the keys, as it follows the ~ in a rule.
pattern = "message_store:anna-*"

# %% id="neighbour-check" tags=["translate"]
import secrets

import redis

from helpers.embedded import EmbeddedServer


def can_use(address, password, session_id):
    """Whether Anna's user can write to a session and read it."""
    anna = connect(address, username="anna", password=password)
    try:
        theirs = RedisChatMessageHistory(session_id, client=anna)
        theirs.add_user_message("👋")
        return len(theirs.messages) > 0
    except redis.exceptions.NoPermissionError:
        return False


with exercise("01_redis", "neighbour") as check, EmbeddedServer() as practice:
    if check("`pattern` is a string.", pattern, lambda value: isinstance(value, str) and value):
        password = secrets.token_urlsafe()
        commands = ["ping", "eval", "exists", "set", "lpush", "ltrim", "expire", "llen", "lrange", "del"]
        # Each write also names a key of its own, by which it is stored only once.
        keys = [f"~{pattern}", f"~message_store:{{{pattern}"]
        rule = ["on", f">{password}", *keys, "-@all", *(f"+{command}" for command in commands)]
        connect(practice.url).execute_command("ACL", "SETUSER", "anna", *rule)

        for mine in ["anna-1", "anna-2026-garden"]:
            check(f"Anna can use {mine}.", can_use(practice.url, password, mine), True)
        for theirs in ["ben-1", "annabel-1"]:
            check(f"Anna can't use {theirs}.", can_use(practice.url, password, theirs), False)

# %% [markdown] id="neighbour-hint" tags=["hint"]
"""
Print `order.key`: what comes before the session ID? In a pattern, `*` stands for any number of characters. Which
character follows `anna` in Anna's session IDs, but not in Annabel's?
"""

# %% [markdown] id="budget"
"""
## 6. Challenge: a chat by hand, within a budget (20 minutes)

Write one turn of a chat by hand. `chat(history, text, max_tokens)` asks the model, stores the question and the answer,
and returns the answer's text. The model gets the question and, before it, as many of the latest messages as fit.
Together they have at most `max_tokens` tokens, by the estimate `approximate` of the lesson, and the first one is a
human message. Redis keeps everything.
"""

# %% id="budget-cell" tags=["translate", "solution"]
from langchain_core.messages import HumanMessage, trim_messages

model = chat_model()


def chat(history, text, max_tokens):
    """Ask the model within a budget of tokens, and store the turn."""
    # ✎ Trim, ask, store, and return the answer's text.
    question = HumanMessage(text)
    to_send = trim_messages(
        [*history.messages, question],
        max_tokens=max_tokens,
        token_counter="approximate",
        strategy="last",
        start_on="human",
    )
    answer = model.invoke(to_send)
    history.add_messages([question, answer])
    return answer.content

# %% id="budget-check" tags=["translate"]
from unittest.mock import patch

from langchain_core.messages import AIMessage
from langchain_core.messages.utils import count_tokens_approximately

with exercise("01_redis", "budget") as check:
    asked, sent = type(model).invoke, []

    def watched(self, messages, *arguments, **options):
        """Ask the model, and note what it gets."""
        sent.append(list(messages))
        return asked(self, messages, *arguments, **options)

    talk = RedisChatMessageHistory(f"{SESSION_ID}-budget", client=client)
    talk.clear()
    for turn in range(1, 11):
        talk.add_messages([HumanMessage(f"Question {turn}?"), AIMessage(f"Answer {turn}.")])
    before, text = talk.messages, "What's my name?"
    with patch.object(type(model), "invoke", watched):
        answer = chat(talk, text, 60)

    if check("The model is asked once.", len(sent), 1):
        *earlier, question = sent[0]
        left_out = len(before) - len(earlier)
        contents = [message.content for message in earlier]
        tokens = count_tokens_approximately(sent[0])
        one_turn_more = count_tokens_approximately([*before[max(left_out - 2, 0) :], question])
        check("The last message that it gets is the question.", question.content, text)
        latest = [message.content for message in before[left_out:]]
        check("Before the question it gets the latest messages.", contents, latest)
        check("The first message is a human one.", sent[0][0].type, "human")
        check("All together have at most 60 tokens.", tokens, lambda count: count <= 60)
        check("One turn more would not fit.", one_turn_more, lambda count: count > 60)
    check("The answer is a string.", answer, lambda value: isinstance(value, str) and value)
    check("Redis keeps the ten turns before.", texts(talk)[:20], [message.content for message in before])
    check("The new turn is stored after them.", texts(talk)[20:], [text, answer])

# %% [markdown] id="budget-hint" tags=["hint"]
"""
Take the lines of *A chat by hand* in the lesson, and put `trim_messages` from *Limit a history* before `model.invoke`.
Give it the messages and the question together, since the question counts too. With `start_on="human"` it begins with a
question.
"""

# %% [markdown] id="cleanup"
"""
## Clean up

This cell deletes the sessions of these exercises.
"""

# %% id="end"
for name in ["order", "brief", "away", "twice", "budget"]:
    RedisChatMessageHistory(f"{SESSION_ID}-{name}", client=client).clear()

# %% [markdown] id="next"
"""
## What next?

- [Lesson 2](02_memorystore.ipynb) and [its exercises](02_memorystore_exercises.ipynb), on Google Cloud Memorystore.
- [Lesson 3](03_agents.ipynb) and [its exercises](03_agents_exercises.ipynb), on agents that remember.
"""
