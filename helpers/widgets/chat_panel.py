"""A chat beside what Redis holds of it: the list of a history, or an agent's thread."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import ipywidgets
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from helpers._histories.records import called
from helpers._localization.messages import say
from helpers.sessions import Record, StoredList, find_sessions, look_into, readable
from helpers.widgets import pages
from helpers.widgets.controls import Live, button, confirm_button, on_enter, settled
from helpers.widgets.conversing import AgentConversing, Conversing, History, HistoryFactory, Thread

SHOWN = 50
"""How many of a session's latest messages are shown."""
_OFFERED = 200
_OFFERED_SECONDS = 0.5
_EVERY_SECONDS = 1.0
_REDRAWN_SECONDS = 0.05
_COLUMN = {"flex": "1 1 340px", "min_width": "300px"}


class ChatPanel(Live):
    """A conversation with a runnable, and beside it what Redis holds of it, which grows as one talks.

    It is asked once a second while it is on a page, so the time to live counts down and what others write to the
    session appears. Talking never blocks the kernel. Of an agent's thread, what the latest message has added is marked.

    Args:
        runnable: What answers: a chat model, a chain, or a `RunnableWithMessageHistory`, with or without async; or,
            with no `history_factory`, an agent whose checkpointer is a `RedisSaver`.
        session_id: The session to begin with, or the ``thread_id`` of the agent's thread.
        history_factory: Makes the `RedisChatMessageHistory` or `MemorystoreChatMessageHistory` of a session ID;
            ``None`` for an agent.
        input_key: The name under which the runnable takes the message; ``None`` finds it out.
        history_key: The name under which it takes the messages before; ``None`` finds it out.
        output_key: The name of the answer in a dict that it gives; ``None`` tries ``answer``, ``output``, ``messages``.
        newest_first: Whether the newest record is at the head of the list; ``None``: as the history has it.

    Raises:
        TypeError: The factory makes something else than one of this package's histories, or the agent has no
            `RedisSaver`.
        ValueError: How the runnable takes a message can't be found out.
    """

    def __init__(
        self,
        runnable: Runnable[Any, Any],
        session_id: str,
        history_factory: HistoryFactory | None = None,
        *,
        input_key: str | None = None,
        history_key: str | None = None,
        output_key: str | None = None,
        newest_first: bool | None = None,
    ) -> None:
        super().__init__()
        self._conversing: Conversing | AgentConversing
        self._history_factory: Callable[[str], History | Thread]
        if history_factory is None:
            self._conversing = agent = AgentConversing(runnable)
            self._history_factory = agent.thread
        else:
            self._conversing = Conversing(runnable, history_factory, input_key, history_key, output_key)
            self._history_factory = history_factory
        self._order = newest_first
        self._history = _checked(self._history_factory(session_id))
        self._stored: StoredList | None = None
        self._newest_seen: int | None = None
        self._busy = self._watching = False

    def __repr__(self) -> str:
        return f"<ChatPanel {self._history.key!r}>"

    @property
    def session_id(self) -> str:
        """The session that is shown."""
        return self._history.session_id

    async def send(self, text: str) -> str:
        """Say something, as if it had been typed into the panel.

        Args:
            text: The human's message.

        Returns:
            The whole answer's text.

        Raises:
            RuntimeError: The answer to what was said before has not ended, or the agent itself waits for an answer.
            Exception: What the runnable or Redis raised; the panel shows it too.
        """
        if self._busy:
            raise RuntimeError("The panel is waiting for an answer. Send the next message after it.")
        self._set_busy(True)
        self._show_error("")
        said: list[BaseMessage] = []
        drawn = 0.0
        try:
            if isinstance(self._history, Thread):
                self._newest_seen = None
                await self._refresh()
                if self._stored and self._stored.waiting:
                    raise RuntimeError(f"{self._history.key!r} takes no message now.\n{pages.waiting(True)}")
            self._show_pending(text, said)
            async for said in self._conversing.answers(text, self.session_id):
                if time.monotonic() - drawn > _REDRAWN_SECONDS:
                    self._show_pending(text, said)
                    drawn = time.monotonic()
            await self._refresh()
        except Exception as error:
            self._failed(error)
            raise
        finally:
            self._show_pending("", [])
            self._set_busy(False)
        return "".join(message.text for message in said[-1:])

    def switch(self, session_id: str) -> None:
        """Show another session, which may be a new one.

        Args:
            session_id: The session's ID, which `history_factory` makes a history of.
        """
        self._history = _checked(self._history_factory(session_id))
        self._stored = self._newest_seen = None
        self._show_error("")
        self._read()
        if self._root is not None:
            self._session.value = readable(session_id)
            self._draw()

    def clear(self) -> None:
        """Delete the session that is shown. It raises what the history's `clear` raises."""
        self._history.clear()
        self._read()
        self._draw()

    def _build(self) -> ipywidgets.DOMWidget:
        self._session = ipywidgets.Combobox(
            description=say("Thread") if isinstance(self._history, Thread) else say("Session"),
            value=readable(self.session_id),
            options=self._offered(),
        )
        on_enter(self._session, self._switch_clicked)
        top = ipywidgets.HBox(
            [
                self._session,
                button(say("Open"), self._switch_clicked),
                confirm_button(say("Clear"), self._clear_clicked, self._start),
            ],
            layout={"flex_flow": "row wrap"},
        )
        self._conversation, self._pending, self._problem = (ipywidgets.HTML() for _ in range(3))
        self._list, self._facts = ipywidgets.HTML(), ipywidgets.HTML()
        # Turned upside down, so that the page keeps the newest message in view without a script.
        talk = ipywidgets.VBox(
            [self._pending, self._conversation],
            layout={"flex_flow": "column-reverse nowrap", "height": "300px", "overflow": "auto"},
        )
        self._input = ipywidgets.Text(
            description=say("Message"),
            placeholder=say("Type a message and press Enter"),
            layout={"flex": "1 1 auto", "width": "auto"},
        )
        on_enter(self._input, self._send_clicked)
        self._send = button(say("Send"), self._send_clicked, button_style="primary")
        columns = [
            ipywidgets.VBox([talk, self._problem, ipywidgets.HBox([self._input, self._send])], layout=_COLUMN),
            ipywidgets.VBox(
                [self._list, self._facts],
                layout={**_COLUMN, "max_height": "350px", "overflow": "auto", "margin": "0 0 0 12px"},
            ),
        ]
        root = ipywidgets.VBox(
            [top, ipywidgets.HBox(columns, layout={"flex_flow": "row wrap"})],
            layout={"border": "1px solid rgba(127, 127, 127, 0.35)", "padding": "8px"},
        )
        # Front ends count its views from here on.
        root._view_count = 0
        root.observe(self._viewed, "_view_count")
        self._read()
        self._draw()
        return root

    def _picture(self) -> str:
        self._read()
        return pages.render(
            "chat_panel.html",
            title=say("Chat"),
            labels={"conversation": say("Conversation")},
            conversation=self._conversation_html(),
            list=self._list_html(),
            facts=self._facts_text(pages.about),
            error=self._error,
        )

    # What the buttons do.

    def _send_clicked(self) -> None:
        self._start(self._send_typed())

    async def _send_typed(self) -> None:
        text = await settled(self._input)
        if not text or self._busy:
            return
        self._input.value = ""
        try:
            await self.send(text)
        except Exception:
            self._input.value = self._input.value or text  # shown by send; the text is there to be sent again

    def _switch_clicked(self) -> None:
        self._start(self._switch_typed())

    async def _switch_typed(self) -> None:
        wanted = await settled(self._session)
        if wanted and not self._busy:
            await asyncio.to_thread(self.switch, wanted)

    def _clear_clicked(self) -> None:
        if not self._busy:
            self._start(asyncio.to_thread(self.clear))

    # Reading and showing the list.

    def _read(self) -> None:
        """Read the list now. A server that can't be reached is told in the panel."""
        try:
            self._take(self._look(self._history))
        except Exception as error:
            self._failed(error)

    def _look(self, history: History | Thread) -> StoredList:
        order = history.newest_first if self._order is None or isinstance(history, Thread) else self._order
        options: Any = {"newest_first": order, "latest": SHOWN, "since": self._stored}
        return look_into(history.redis_client, history.key, serde=getattr(history, "serde", None), **options)

    def _take(self, stored: StoredList) -> None:
        self._stored = stored
        if self._newest_seen is None or not stored.length:
            self._newest_seen = max((one.index for one in stored.records), default=-1)

    async def _refresh(self, *, conversation: bool = True) -> None:
        history = self._history
        stored = await asyncio.to_thread(self._look, history)
        if history is self._history:
            self._take(stored)
            self._draw(conversation=conversation)

    def _viewed(self, change: Any) -> None:
        if change["new"] and not self._watching:
            self._start(self._watch())

    async def _watch(self) -> None:
        """Keep the list up to date while somebody can see it, through faults too."""
        self._watching, failing = True, False
        try:
            while self._root is not None and self._root._view_count:
                await asyncio.sleep(_EVERY_SECONDS)
                try:
                    await self._refresh(conversation=not self._busy)
                except Exception as error:
                    failing = True
                    self._failed(error)
                else:
                    if failing and not self._busy:
                        failing = False
                        self._show_error("")
        finally:
            self._watching = False

    def _draw(self, *, conversation: bool = True) -> None:
        if self._root is None and not hasattr(self, "_list"):
            return
        self._list.value = self._list_html()
        if conversation:  # what an agent has stored of an answer that comes is shown as it comes
            self._conversation.value = self._conversation_html()
        self._facts.value = self._facts_text(pages.clock)

    def _conversation_html(self) -> Any:
        records = self._stored.records if self._stored else ()
        length = self._stored.length if self._stored else 0
        return pages.render(
            "conversation.html",
            records=records[::-1] if self._stored and self._stored.newest_first else records,
            earlier=length > len(records),
            earlier_label=say("Earlier messages: {count}", count=length - len(records)),
            empty_label=say("No messages yet."),
            waiting=pages.waiting(self._stored is not None and self._stored.waiting),
        )

    def _list_html(self) -> Any:
        if self._stored is None:
            return ""
        window, kept = self._history.window, self._history.max_messages
        return pages.render(
            "list.html",
            stored=self._stored,
            rows=list(_rows(self._stored, self._history, self._newest_seen)),
            labels={
                "index": say("Index"),
                "role": say("Type"),
                "bytes": say("Bytes"),
                "text": say("Text"),
                "new": say("new"),
                "empty": say("No messages yet.")
                if isinstance(self._history, Thread)
                else say("The list does not exist: Redis holds no empty lists."),
                "window": say("The chain is given the latest {count} (window).", count=window),
                "cap": say("Redis keeps {count} at most (max_messages); older ones fall off here.", count=kept),
                "more": say("Earlier messages: {count}", count=self._stored.length - len(self._stored.records)),
            },
        )

    def _facts_text(self, time_left: Any) -> str:
        if self._stored is None or not (self._stored.length or self._stored.checkpoints):
            return ""
        facts = [say("Messages: {count}", count=self._stored.length)]
        if self._history.max_messages:
            facts[0] += f" / {self._history.max_messages}"
        if self._stored.kind == "thread":
            facts += [say("Checkpoints: {count}", count=self._stored.checkpoints), pages.size(self._stored.bytes)]
        elif self._stored.length == len(self._stored.records):
            facts.append(pages.size(sum(record.bytes for record in self._stored.records)))
        facts.append(time_left(self._stored.ttl))
        return " · ".join(facts)

    # What goes on.

    def _offered(self) -> list[str]:
        """Sessions to choose from: some of those that are there."""
        prefix, kind = self._history.key_prefix, "thread" if isinstance(self._history, Thread) else "history"
        deadline = time.monotonic() + _OFFERED_SECONDS
        found: list[str] = []
        try:
            for some in find_sessions(self._history.redis_client, prefix):
                found += [
                    one.key.removeprefix(prefix) for one in some if one.kind == kind and readable(one.key) == one.key
                ]
                if len(found) >= _OFFERED or time.monotonic() > deadline:
                    break
        except Exception:
            return []  # a user who may not search can still type a name
        return sorted(found)[:_OFFERED]

    def _show_pending(self, question: str, answer: Sequence[BaseMessage]) -> None:
        if self._root is None:
            return
        records = [Record(0, 0, "human", question), *(map(_shown, answer) if answer else [Record(0, 0, "ai", "…")])]
        shown = pages.render("conversation.html", records=records, earlier=False, empty_label="", waiting="")
        self._pending.value = shown if question else ""

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        if self._root is not None:
            self._send.disabled = busy
            self._send.description = say("Answering …") if busy else say("Send")


class _Row(NamedTuple):
    record: Record | None = None
    in_window: bool = False
    edge: str = ""
    new: bool = False


def _rows(stored: StoredList, history: History | Thread, newest_seen: int | None) -> Iterator[_Row]:
    """The list from its head to its end, with the edges of window and cap where they are."""
    newest_first, window = stored.newest_first, history.window
    more = stored.length > len(stored.records)
    full = history.max_messages is not None and stored.length >= history.max_messages
    if not newest_first:
        yield from [_Row(edge="cap")] * full + [_Row(edge="more")] * more
    for record in stored.records:
        age = record.index if newest_first else stored.length - 1 - record.index
        if window and window < stored.length and not newest_first and age == window - 1:
            yield _Row(edge="window")
        new = stored.kind == "thread" and newest_seen is not None and record.index > newest_seen
        yield _Row(record, in_window=window is not None and age < window, new=new)
        if window and window < stored.length and newest_first and age == window - 1:
            yield _Row(edge="window")
    if newest_first:
        yield from [_Row(edge="more")] * more + [_Row(edge="cap")] * full


def _shown(message: BaseMessage) -> Record:
    calls = tuple(called(**call) for call in getattr(message, "tool_calls", ()))
    return Record(0, 0, message.type, message.text or "…" * (not calls), calls)


def _checked(history: Any) -> History | Thread:
    if not isinstance(history, History | Thread):
        raise TypeError(
            f"history_factory made {type(history).__name__}; "
            "it has to make RedisChatMessageHistory or MemorystoreChatMessageHistory of helpers."
        )
    return history
