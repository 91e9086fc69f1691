"""A chat beside what Redis holds of it: the list of a history, or an agent's thread."""

import asyncio
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from helpers._conversing import AgentConversing, Conversing, History, HistoryFactory, Thread
from helpers._localization import formats
from helpers._localization.messages import say
from helpers.sessions import Record, StoredList, find_sessions, look_into, read_whole, readable
from helpers.widgets import pages
from helpers.widgets.live import Live, clean
from helpers.widgets.said import message_of, record_of

SHOWN = 50
"""How many of a session's latest messages are shown."""
PHOTO_BYTES = 8_000_000
"""Up to which size a record is read whole to show its photo."""
_OFFERED = 200
_OFFERED_SECONDS = 0.5
_EVERY_SECONDS = 1.0
_TOLD_SECONDS = 0.05
_SILENT: dict[str, Any] = {"state": "", "question": None, "said": [], "from": None}
_panels: "weakref.WeakSet[ChatPanel]" = weakref.WeakSet()


class ChatPanel(Live):
    """A conversation with a runnable, and beside it what Redis holds of it, which grows as one talks.

    The session is read when it is shown, when something is said, and when the reader comes back to the panel or
    chooses *Read again*; between that Redis is not asked, and the time to live is counted in the page. What other
    panels of the same kernel write appears at once. Talking never blocks the kernel. What has come since the latest
    question is marked.

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

    _module = "chat"

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
        self._answering: asyncio.Task[str] | None = None
        self._next = 0
        self._show(_checked(self._history_factory(session_id)))
        self._actions |= {
            "send": self._send_typed,
            "stop": self._stop,
            "switch": self._switch_typed,
            "clear": lambda: None if self._answering else asyncio.to_thread(self.clear),
            "look": lambda: None if self._answering else self._refresh(),
            "offer": self._offer,
            "photo": self._show_photo,
        }
        _panels.add(self)

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
            RuntimeError: The answer to what was said before has not ended, the reader stopped this one, or the agent
                itself waits for an answer.
            Exception: What the runnable or Redis raised; the panel shows it too.
        """
        if self._answering:
            raise RuntimeError("The panel is waiting for an answer.\n" + say("Send the next message once it is there."))
        self._stopped = False
        self._answering = asyncio.ensure_future(self._answer(text))
        try:
            return await self._answering
        except asyncio.CancelledError:
            if not self._stopped:
                raise
            raise RuntimeError("The answer was stopped.") from None
        finally:
            self._answering = None
            self._tell_others()

    def switch(self, session_id: str) -> None:
        """Show another session, which may be a new one.

        Args:
            session_id: The session's ID, which `history_factory` makes a history of.
        """
        self._show(_checked(self._history_factory(session_id)))
        self._show_error("")
        self._read()

    def clear(self) -> None:
        """Delete the session that is shown. It raises what the history's `clear` raises."""
        self._history.clear()
        self._tell(talk=_SILENT)
        self._read()
        self._tell_others()

    # What the page asks for.

    async def _send_typed(self, text: str) -> None:
        if not self._answering:
            with suppress(Exception):  # shown by send
                await self.send(text)

    def _stop(self) -> None:
        if (task := self._answering) is not None:
            self._stopped = True
            task.get_loop().call_soon_threadsafe(task.cancel)

    async def _switch_typed(self, session_id: str) -> None:
        if not self._answering:
            await asyncio.to_thread(self.switch, session_id)

    async def _offer(self) -> None:
        self._tell(offered=await asyncio.to_thread(self._offered))

    async def _show_photo(self, n: int, place: int) -> None:
        found = next((one for number, one in enumerate(self._records, self._first) if number == n), None)
        if found is None or found.bytes > PHOTO_BYTES:
            return
        history = self._history
        whole = await asyncio.to_thread(
            read_whole, history.redis_client, history.key, found, serde=getattr(history, "serde", None)
        )
        photos = record_of(whole).get("photos", ()) if whole else ()
        if place < len(photos) and photos[place]:
            self._event(photo={"n": n, "place": place, "address": photos[place]})

    # Answering.

    async def _answer(self, text: str) -> str:
        history, said, loop = self._history, list[BaseMessage](), asyncio.get_running_loop()
        late: asyncio.Handle | None = None
        due = 0.0
        before, is_thread = self._data["talk"], isinstance(self._history, Thread)
        again = is_thread and bool(before["state"]) and before["question"]["text"] == clean(text)
        talk = _SILENT | {"state": "answering", "question": message_of("human", {"content": text})}

        def tell(**changed: Any) -> None:
            if history is self._history:  # else another session is shown by now
                self._tell(talk=talk | changed)

        def tell_said() -> None:
            self._tell_said(history, talk, said)

        self._show_error("")
        watching = asyncio.ensure_future(self._watch()) if is_thread else None
        try:
            if is_thread:
                await self._refresh()
                if self._stored and self._stored.waiting:
                    raise RuntimeError(f"{history.key!r} takes no message now.\n{pages.waiting(True)}")
            # What is asked again goes on from what an agent has stored of it.
            talk["from"] = before["from"] if again else self._next
            self._tell(fresh=self._next)
            tell()
            async with aclosing(self._conversing.answers(text, self.session_id)) as answers:
                async for said in answers:  # noqa: B007 - tell_said tells it
                    # Soon, and not at each piece; nor does the last one wait for another.
                    if loop.time() > due:
                        due = loop.time() + _TOLD_SECONDS
                        late = loop.call_later(_TOLD_SECONDS, tell_said)
            if late:
                late.cancel()
            tell_said()
            await self._refresh()
            if history is self._history:
                self._tell(talk=_SILENT)
        except BaseException as error:
            if late:
                late.cancel()
            with suppress(Exception):
                await self._refresh()
            # Nothing of a history's question is stored, so whatever comes is shown beside it.
            talk |= {
                "said": [message_of(one.type, vars(one)) for one in said],
                "from": talk["from"] if is_thread else None,
            }
            tell(state="failed" if isinstance(error, Exception) else "stopped")
            if isinstance(error, Exception):
                self._failed(error)
            raise
        finally:
            if watching:
                watching.cancel()
        return "".join(message.text for message in said[-1:])

    def _tell_said(self, history: History | Thread, talk: dict[str, Any], said: Sequence[BaseMessage]) -> None:
        """Show an answer as far as it has come. Of what only grows, the page is told what is new."""
        if history is not self._history:
            return
        messages = clean([message_of(one.type, vars(one)) for one in said])
        shown = self._data["talk"]["said"]
        pairs = list(zip(shown, messages, strict=False))
        if len(shown) != len(messages) or not all(
            old | {"text": ""} == new | {"text": ""} and new["text"].startswith(old["text"]) for old, new in pairs
        ):
            self._tell(talk=talk | {"said": messages})
            return
        for at, (old, new) in enumerate(pairs):
            if len(new["text"]) > len(old["text"]):
                # JavaScript counts a character outside the Basic Multilingual Plane twice.
                after = len(old["text"].encode("utf-16-le")) // 2
                self._event(more={"at": at, "after": after, "text": new["text"][len(old["text"]) :]})
                old["text"] = new["text"]

    async def _watch(self) -> None:
        """Show what an agent stores while it answers."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            with suppress(Exception):
                await self._refresh()

    # Reading, and what is shown of it.

    def _show(self, history: History | Thread) -> None:
        """Show a session of which nothing is known yet."""
        self._history = history
        self._stored: StoredList | None = None
        self._records: list[Record] = []
        self._first = self._next
        self._tell(records=[], first=self._next, fresh=self._next, session=self._facts(), talk=_SILENT, offered=[])

    def _read(self) -> None:
        """Read the session now. A server that can't be reached is told in the panel."""
        try:
            self._take(self._look(self._history))
        except Exception as error:
            self._failed(error)

    async def _refresh(self) -> None:
        history = self._history
        stored = await asyncio.to_thread(self._look, history)
        if history is self._history:
            self._take(stored)

    def _look(self, history: History | Thread) -> StoredList:
        order = history.newest_first if self._order is None or isinstance(history, Thread) else self._order
        options: Any = {"newest_first": order, "latest": SHOWN, "since": self._stored}
        return look_into(history.redis_client, history.key, serde=getattr(history, "serde", None), **options)

    def _take(self, stored: StoredList) -> None:
        """Show what was read. Of what is known already nothing is sent again."""
        begins_with = self._stored is None
        self._stored = stored
        records = list(stored.records[::-1] if stored.newest_first else stored.records)
        identities = [list(map(_identity, some)) for some in (self._records, records)]
        known, read = identities
        kept = next(
            size for size in range(min(len(known), len(read)), -1, -1) if known[len(known) - size :] == read[:size]
        )
        came = [{"n": n} | record_of(one) for n, one in enumerate(records[kept:], self._next)]
        if stored.kind == "thread":
            came = [one | {"index": record.index} for one, record in zip(came, records[kept:], strict=True)]
        self._records, self._first = records, self._next - kept
        self._next += len(came)
        changed: dict[str, Any] = {"first": self._first, "session": self._facts()}
        if begins_with or not records:
            changed["fresh"] = self._next
        if kept and len(self._data["records"]) < 4 * SHOWN:
            if came:
                self._add("records", came)
        else:
            held = [one for one in self._data["records"] if one["n"] >= self._first]
            changed["records"] = held + came
        self._tell(**changed)

    def _facts(self) -> dict[str, Any]:
        """What there is to say of the session beside its records, as session.js describes it."""
        stored, history = self._stored, self._history
        said: list[str] = []
        expires = None
        if stored is not None and (stored.length or stored.checkpoints):
            kept = f" / {formats.number(history.max_messages)}" if history.max_messages else ""
            said.append(say("Messages: {count}", count=formats.number(stored.length)) + kept)
            if stored.kind == "thread":
                said += [
                    say("Checkpoints: {count}", count=formats.number(stored.checkpoints)),
                    formats.size(stored.bytes),
                ]
            elif stored.length == len(stored.records):
                said.append(formats.size(sum(record.bytes for record in stored.records)))
            if stored.ttl is not None:
                expires = round((time.time() + stored.ttl) * 1000)
                before = self._data.get("session", {}).get("expires")
                if before is not None and abs(before - expires) < 500:
                    expires = before  # the same moment, measured again
        return {
            "id": readable(self.session_id),
            "key": readable(history.key),
            "thread": isinstance(history, Thread),
            "length": stored.length if stored else 0,
            "newest_first": bool(stored.newest_first if stored else history.newest_first),
            "window": history.window,
            "cap": history.max_messages,
            "expires": expires,
            "said": said,
            "waiting": pages.waiting(stored is not None and stored.waiting),
        }

    def _tell_others(self) -> None:
        """Have other panels of this kernel that show the session read it too."""
        for other in list(_panels):
            shows_it = other._wire is not None and other._history.key == self._history.key
            if shows_it and other is not self and not other._answering:
                other._start(other._refresh())

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

    # What a widget says of itself.

    def _title(self) -> str:
        return say("Chat")

    def _state(self) -> dict[str, Any]:
        if not self._answering:
            self._read()
        return {}

    def _kept(self) -> dict[str, Any]:
        records = [one | {"photos": [None for _ in one.get("photos", ())]} for one in self._data["records"]]
        return {"records": records, "talk": _SILENT, "offered": []}

    def _picture(self) -> str:
        stored, facts = self._stored, self._data["session"]
        records = [one for one in self._data["records"] if one["n"] >= self._first]
        about = [*facts["said"], *([pages.about(stored.ttl)] if stored and facts["said"] else [])]
        return pages.render(
            "chat_panel.html",
            facts=facts,
            records=records,
            lines=_lines(records, facts),
            fresh=self._data["fresh"],
            texts=self._data["texts"],
            about=" · ".join(about),
            error=self._error,
        )


def _lines(records: Sequence[dict[str, Any]], facts: dict[str, Any]) -> list[tuple[str, Any]]:
    """The list from its head to its end: edges by name and records by index, as session.js draws them."""
    length, window, newest_first = facts["length"], facts["window"], facts["newest_first"]
    lines: list[tuple[str, Any]] = [("cap", facts["cap"])] * (facts["cap"] is not None)
    lines += [("earlier", length - len(records))] * (length > len(records))
    begins = max(0, len(records) - window) if window else len(records)
    for place, record in enumerate(records):
        if window and place == begins:
            lines.append(("window", window))
        age = len(records) - 1 - place
        index = record.get("index", age if newest_first else length - 1 - age)
        lines.append(("within" if place >= begins else "record", record | {"index": index}))
    lines += [("window", window)] * bool(window and not records)
    return lines[::-1] if newest_first else lines


def _identity(record: Record) -> tuple[Any, ...]:
    """What tells records apart where their places change."""
    return record.bytes, record.role, record.text, record.calls


def _checked(history: Any) -> History | Thread:
    if not isinstance(history, History | Thread):
        raise TypeError(
            f"history_factory made {type(history).__name__}; "
            "it must make RedisChatMessageHistory or MemorystoreChatMessageHistory of helpers."
        )
    return history
