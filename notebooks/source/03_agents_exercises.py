# %% [markdown] id="title"
"""
# Exercises: agents that remember

Five exercises for [lesson 3](03_agents.ipynb), from three minutes to a challenge. Each has a cell to fill in and a
check, which says what is right and what is not yet. Do them in any order, and run a check as often as you like.
"""

# %% [markdown] id="setup" like="01_redis_exercises"

# %% id="install" like="03_agents"

# %% id="form" like="03_agents"

# %% id="begin" tags=["translate"]
from langchain.agents import create_agent

from helpers import RedisSaver, chat_model, connect
from helpers.exercises import exercise

client = connect(ENDPOINT)
saver = RedisSaver(client, ttl=3600)


def kinds(messages):
    """The types of messages."""
    return [message.type for message in messages]


def people():
    """The IDs of the threads of exercise 1."""
    keys = client.scan_iter(match=saver.key(f"{THREAD_ID}-person-*"))
    return [key.decode().removeprefix(saver.key_prefix) for key in keys]

# %% [markdown] id="people"
"""
## 1. A thread for each person (3 minutes)

`ask` puts a person's question to an agent and returns the answer's text. At present all people share one thread, so Ben
learns what Bob said. Give each person a thread of their own, whose ID begins with `f"{THREAD_ID}-person-"`.
"""

# %% id="people-cell" tags=["translate", "solution"]
agent = create_agent(chat_model(), checkpointer=saver)


def ask(person, text):
    """Ask the agent in the person's own thread."""
    # ✎ Choose the thread.
    #~ config = {"configurable": {"thread_id": f"{THREAD_ID}-person-"}}
    config = {"configurable": {"thread_id": f"{THREAD_ID}-person-{person}"}}

    return agent.invoke({"messages": text}, config)["messages"][-1].text

# %% id="people-check" tags=["translate"]
with exercise("03_agents", "people") as check:
    for thread_id in people():
        saver.delete_thread(thread_id)
    ask("bob", GREETING)
    check("The agent knows Bob's name when Bob asks.", ask("bob", QUESTION), lambda answer: "Bob" in answer)
    check("It doesn't know Bob's name when Ben asks.", ask("ben", QUESTION), lambda answer: "Bob" not in answer)
    check("Each of them has a thread.", people(), lambda threads: len(threads) == 2)

# %% [markdown] id="people-hint" tags=["hint"]
"""
The thread ID is an ordinary string. Which of the function's arguments has to be part of it?
"""

# %% [markdown] id="waiting"
"""
## 2. What is it waiting for? (10 minutes)

The agent `desk` asks a person before each refund. Write `waiting(config)`: it reads the thread's state, and returns the
arguments of the call that waits for a decision, as a dictionary. If nothing waits, it returns `None`.
"""

# %% id="refunds" tags=["translate"]
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.types import Command

refunded = []


def refund(order: int, amount: float) -> str:
    """Refund an amount for an order."""
    refunded.append(order)
    return f"The refund for order {order} is on its way."


desk = create_agent(
    chat_model(),
    [refund],
    middleware=[HumanInTheLoopMiddleware(interrupt_on={"refund": True})],
    checkpointer=saver,
)


def requested(suffix):
    """A thread in which somebody has just asked for a refund."""
    saver.delete_thread(f"{THREAD_ID}-{suffix}")
    config = {"configurable": {"thread_id": f"{THREAD_ID}-{suffix}"}}
    desk.invoke({"messages": "Refund 12.50 for order 4711."}, config)
    return config

# %% id="waiting-cell" tags=["translate", "solution"]
def waiting(config):
    """The arguments of the call that waits for a decision, or None."""
    # ✎ Read them from the thread's state.
    for task in desk.get_state(config).tasks:
        for interrupt in task.interrupts:
            return interrupt.value["action_requests"][0]["args"]
    return None

# %% id="waiting-check" tags=["translate"]
with exercise("03_agents", "waiting") as check:
    case = requested("waiting")
    check("`waiting` finds the arguments of the call.", waiting(case), {"order": 4711, "amount": 12.5})
    check("It leaves the thread as it is.", desk.get_state(case).next, lambda steps: len(steps) == 1)
    desk.invoke(Command(resume={"decisions": [{"type": "approve"}]}), case)
    check("After the decision nothing waits.", waiting(case), None)
    case = requested("waiting")
    check("A second request waits again.", waiting(case), {"order": 4711, "amount": 12.5})

# %% [markdown] id="waiting-hint" tags=["hint"]
"""
*Ask a person first* in the lesson unpacks `tasks`, `interrupts` and `action_requests`, one after the other. If nothing
waits, `tasks` is empty, and a loop over it does nothing.
"""

# %% [markdown] id="decide"
"""
## 3. Yes or no (5 minutes)

First run the cell of exercise 2 that makes `desk`. Then write `decide(config, allowed)`: it answers the call that waits
in a thread of `desk`. If `allowed` is true, the refund is made; if not, it is rejected. The function returns the
messages of the thread.
"""

# %% id="decide-cell" tags=["translate", "solution"]
def decide(config, allowed):
    """Let the call that waits run, or reject it."""
    # ✎ Answer the call, and return the messages.
    decision = {"type": "approve" if allowed else "reject"}
    state = desk.invoke(Command(resume={"decisions": [decision]}), config)
    return state["messages"]

# %% id="decide-check" tags=["translate"]
with exercise("03_agents", "decide") as check:
    for allowed in [True, False]:
        case = requested("decide")
        refunded.clear()
        messages = decide(case, allowed)
        if allowed:
            check("If it is allowed, the order is refunded once.", refunded, [4711])
        else:
            check("If it is not allowed, nothing is refunded.", refunded, [])
        if check("`decide` returns messages.", messages, lambda value: isinstance(value, list)):
            whole = ["human", "ai", "tool", "ai"]
            check("The call has its answer, and the agent speaks last.", kinds(messages), whole)
        check("Nothing waits any more.", len(desk.get_state(case).tasks), 0)

# %% [markdown] id="decide-hint" tags=["hint"]
"""
`Command(resume=…)` takes one decision for each call that waits. The lesson names the three types of a decision.
"""

# %% [markdown] id="back"
"""
## 4. Take it back (10 minutes)

Write `ask_instead(config, text)`: it takes back the latest turn of a thread of the agent `talker`, and asks something
else instead. It returns the thread's messages, which no longer contain the old question and its answer.
"""

# %% id="back-cell" tags=["translate", "solution"]
talker = create_agent(chat_model(), checkpointer=saver)


def ask_instead(config, text):
    """Ask something else instead of the latest question."""
    # ✎ Find the state before the latest turn, and go on from there.
    ended = [state for state in talker.get_state_history(config) if not state.next]
    state = talker.invoke({"messages": text}, ended[1].config)
    return state["messages"]

# %% id="back-check" tags=["translate"]
with exercise("03_agents", "back") as check:
    saver.delete_thread(f"{THREAD_ID}-back")
    thread = {"configurable": {"thread_id": f"{THREAD_ID}-back"}}
    talker.invoke({"messages": GREETING}, thread)
    first_turn = [message.content for message in talker.get_state(thread).values["messages"]]
    talker.invoke({"messages": "I like tea."}, thread)
    original = talker.get_state(thread)

    messages = ask_instead(thread, QUESTION)
    if check("`ask_instead` returns messages.", messages, lambda value: isinstance(value, list)):
        said = [message.content for message in messages]
        check("The first turn is still there.", said[:2], first_turn)
        check("The new question follows it.", said[2:3], [QUESTION])
        check("The agent has answered it.", kinds(messages), ["human", "ai"] * 2)
        stored = [message.content for message in talker.get_state(thread).values["messages"]]
        check("The thread's newest state holds these messages.", stored, said)
    kept = talker.get_state(original.config).values
    check("The original can still be read by its own config.", kept, original.values)

# %% [markdown] id="back-hint" tags=["hint"]
"""
`get_state_history` returns the states of a thread, newest first. At the end of a turn, `next` is empty. The first state
of that kind is the end of the latest turn, and the second one is the end of the turn before.
"""

# %% [markdown] id="turns"
"""
## 5. Challenge: only the latest turns (20 minutes)

Write middleware that sends the model only the latest two turns, beginning with the second-to-last human message. A
tool's result stays with its call, since many models refuse one without the other. The thread keeps everything.
"""

# %% id="turns-cell" tags=["translate", "solution"]
from langchain.agents.middleware import wrap_model_call


@wrap_model_call
def two_turns(request, handler):
    """Show the model the latest two turns."""
    # ✎ Choose the messages, and call the handler with them.
    starts = [place for place, message in enumerate(request.messages) if message.type == "human"]
    latest = request.messages[starts[-2:][0] :]
    return handler(request.override(messages=latest))

# %% id="turns-check" tags=["translate"]
from langchain.agents.middleware import wrap_model_call

seen = []


@wrap_model_call
def noting(request, handler):
    """Note what the model gets."""
    seen.append(list(request.messages))
    return handler(request)


def look_up_order(order: int) -> str:
    """Look up what an order cost."""
    return f"Order {order} cost 12.50 euros."


with exercise("03_agents", "turns") as check:
    saver.delete_thread(f"{THREAD_ID}-turns")
    thread = {"configurable": {"thread_id": f"{THREAD_ID}-turns"}}
    viewer = create_agent(
        chat_model(), [look_up_order], middleware=[two_turns, noting], checkpointer=saver
    )
    for text in [GREETING, "What did order 4711 cost?", QUESTION, QUESTION]:
        state = viewer.invoke({"messages": text}, thread)

    got = [kinds(messages) for messages in seen]
    check("In the first turn the model gets the question.", got[0], ["human"])
    with_tool = ["human", "ai", "human", "ai", "tool"]
    check("It gets the tool's result with its call, and the turn before.", got[2], with_tool)
    check("In the third turn the tool's turn is still there.", got[3], [*with_tool[2:], "ai", "human"])
    check("In the fourth turn there are only two questions and an answer.", got[4], ["human", "ai", "human"])
    check("They are the latest messages.", seen[4], state["messages"][-4:-1])
    check("The thread keeps all messages.", len(state["messages"]), 10)

# %% [markdown] id="turns-hint" tags=["hint"]
"""
*What the model sees* in the lesson has middleware for the latest three messages. First find the places of the human
messages in `request.messages`. In the first turn there is only one.
"""

# %% [markdown] id="cleanup"
"""
## Clean up

This cell deletes the threads of these exercises.
"""

# %% id="end"
own = [f"{THREAD_ID}-{name}" for name in ["waiting", "decide", "back", "turns"]]
for thread_id in [*own, *people()]:
    saver.delete_thread(thread_id)

# %% [markdown] id="next"
"""
## What next?

- [The exercises of lesson 1](01_redis_exercises.ipynb), on chat history in Redis.
- [The exercises of lesson 2](02_memorystore_exercises.ipynb), on Google Cloud Memorystore.
"""
