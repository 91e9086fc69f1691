"""The Memorystore instances of a project: pick one, and be connected."""

import asyncio
import time
import warnings
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from helpers._connecting.clients import Client
from helpers._connecting.connection import connect
from helpers._localization import formats
from helpers._localization.messages import say
from helpers.memorystore.choices import SIZES
from helpers.memorystore.creation import begin_creation, creation_announcement
from helpers.memorystore.deletion import begin_deletion
from helpers.memorystore.instances import STATES, Instance, Instances, list_instances
from helpers.widgets import pages
from helpers.widgets.live import Live

_POLL_SECONDS = 1.0


class InstancePicker(Live):
    """The instances of a project as a table, with what tells them apart; picking one connects to it.

    Args:
        project: The project's ID.
        region: A region such as ``us-central1``; ``-`` means all.
        tunnel: The local end of a tunnel to the instance, ``HOST:PORT``; ``None`` goes to its own address.
        on_pick: Called with the client when an instance was picked.

    Attributes:
        instances: The project's instances, as last listed.
        instance: The one that was picked, or None.
        client: The client that is connected to it, or None.
    """

    _module = "instance_picker"

    def __init__(
        self,
        project: str,
        region: str = "-",
        *,
        tunnel: str | None = None,
        on_pick: Callable[[Client], None] | None = None,
    ) -> None:
        super().__init__()
        self.instances = Instances([])
        self.instance: Instance | None = None
        self.client: Client | None = None
        self._project, self._region, self._tunnel, self._on_pick = project, region, tunnel, on_pick
        self._working, self._note, self._price = False, "", ""
        self._actions |= {
            "refresh": lambda: self._work(asyncio.to_thread(self.refresh)),
            "connect": lambda name: self._work(self._connect(name)),
            "price": self._show_price,
            "create": lambda wanted: self._work(self._creation(wanted)),
            "delete": lambda name, typed: self._work(self._deletion(name, typed)),
        }

    def __repr__(self) -> str:
        return f"<InstancePicker {self._project!r}>"

    def refresh(self) -> Instances:
        """List the instances again.

        Returns:
            What `instances` is now.

        Raises:
            MemorystoreError: The API refuses or can't be reached.
            SignInError: There are no credentials.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # regions that were not reached are named below the table
            self.instances = list_instances(self._project, self._region)
        self._tell(**self._state())
        return self.instances

    def pick(self, name: str) -> Client:
        """Connect to an instance.

        Args:
            name: Its full name, or its ID if no other instance has the same one.

        Returns:
            The client, as `connect` makes it.

        Raises:
            ValueError: There is none of that name in the list, or more than one.
            ConnectionFailedError: It can't be reached; and whatever else `connect` raises.
        """
        found = [one for one in self.instances or self.refresh() if name in (one.name, one.full_name, one.id)]
        if len(found) != 1:
            names = ", ".join(map(self._endpoint, found or self.instances)) or "the project has none"
            what = f"is the ID of {len(found)} instances" if found else "is not one of the instances"
            advice = say("Give the full name of one of them.") if self.instances else say("Create an instance first.")
            raise ValueError(f"{name!r} {what}: {names}\n{advice}")
        client = connect(self._endpoint(found[0]), tunnel=self._tunnel)
        self.instance, self.client = found[0], client
        self._tell(**self._state())
        if self._on_pick is not None:
            self._on_pick(client)
        return client

    def _prepare(self) -> None:
        try:
            self.refresh()
            self._show_error("")
        except Exception as error:
            self._failed(error)

    def _title(self) -> str:
        return say("Memorystore instances")

    def _state(self) -> dict[str, Any]:
        columns = (
            ("instance", say("Instance"), "name", True),
            ("service", say("Service"), "text", False),
            ("region", say("Region"), "text", False),
            ("tier", say("Tier"), "text", False),
            ("size", say("Size"), "text", False),
            ("version", say("Version"), "text", False),
            ("auth", "AUTH", "flag", False),
            ("tls", "TLS", "flag", False),
            ("state", say("State"), "state", False),
        )
        return {
            "caption": say("Memorystore instances"),
            "about": self._project,
            "columns": pages.columns(*columns),
            "rows": [self._row(one) for one in self.instances],
            "note": self._note or self.instances.missing,
            "searching": self._working,
            "working": self._working,
            "price": self._price,
            "form": self._form(),
        }

    def _row(self, one: Instance) -> dict[str, Any]:
        cells = {
            "instance": one.id,
            "service": one.service,
            "region": one.region,
            "tier": one.tier,
            "size": {"value": one.memory_gb, "text": formats.gigabytes(one.memory_gb)},
            "version": one.redis_version,
            "auth": one.auth,
            "tls": one.tls,
            "state": {
                "value": one.state,
                "text": say(STATES.get(one.state, one.state)),
                "tone": "" if one.ready else "warn",
            },
        }
        actions = [
            {"action": "connect", "label": say("Connect"), "disabled": self._working or not one.ready},
            {"action": "delete", "label": say("Delete"), "disabled": self._working},
        ]
        picked = self.instance is not None and self.instance.full_name == one.full_name
        return {"id": self._endpoint(one), "cells": cells, "actions": actions, "marked": picked}

    def _endpoint(self, one: Instance) -> str:
        """An instance's name as everybody writes it; with its service, where both have one of that name."""
        return one.name if [each.name for each in self.instances].count(one.name) == 1 else one.full_name

    def _form(self) -> list[dict[str, Any]]:
        """What a new instance is asked for: a text, or one of some options, which may depend on another field."""
        region = "" if self._region == "-" else self._region
        return [
            {"key": "region", "label": say("Region"), "value": region, "placeholder": "us-central1"},
            {"key": "id", "label": say("ID"), "value": "", "placeholder": "chat-history"},
            {"key": "service", "label": say("Service"), "value": "redis", "options": list(SIZES)},
            {
                "key": "tier",
                "label": say("Tier"),
                "value": SIZES["redis"][1][0],
                "by": "service",
                "optionsBy": {service: list(sizes) for service, (_, sizes) in SIZES.items()},
            },
        ]

    def _picture(self) -> str:
        return pages.table(self._data, say("Instances: {shown} of {all}"), say("working …"))

    # What the page asks for.

    async def _work(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do one thing at a time."""
        if self._working:
            work.close()
            return
        self._working, self._note = True, ""
        self._tell(error="", **self._state())
        try:
            await work
        except Exception:
            self._note = ""
            raise
        finally:
            self._working = False
            self._tell(**self._state())

    async def _connect(self, name: str) -> None:
        ident = name.rpartition("/")[2]
        self._say(say("Connecting to {id} …", id=ident))
        await asyncio.to_thread(self.pick, name)
        self._say(say("Connected to {id}.", id=ident))

    def _wanted(self, wanted: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The name of the instance that the form describes, and what it is to be like."""
        region, name, service = wanted["region"].strip(), wanted["id"].strip(), wanted["service"]
        chosen = {"service": service, SIZES[service][0]: wanted["tier"]}
        return f"projects/{self._project}/locations/{region}/instances/{name}", chosen

    def _show_price(self, wanted: dict[str, Any]) -> None:
        """Say what a creation would cost, as soon as it is clear what would be created."""
        try:
            name, chosen = self._wanted(wanted)
            self._price = creation_announcement(name, **chosen)
        except ValueError:
            self._price = ""
        self._tell(price=self._price)

    async def _creation(self, wanted: dict[str, Any]) -> None:
        ident = wanted["id"].strip()
        name, chosen = self._wanted(wanted)
        is_done = await asyncio.to_thread(partial(begin_creation, name, **chosen))
        await self._follow(is_done, say("Creating {id}", id=ident))
        self._say(say("{id} is ready.", id=ident))

    async def _deletion(self, name: str, typed: str) -> None:
        ident = name.rpartition("/")[2]
        is_done = await asyncio.to_thread(begin_deletion, name, typed)
        if self.instance is not None and name in (self.instance.name, self.instance.full_name):
            self.instance = self.client = None
        await self._follow(is_done, say("Deleting {id}", id=ident))
        self._say(say("{id} is deleted.", id=ident))

    async def _follow(self, is_done: Callable[[], bool], label: str) -> None:
        """Show for how long an operation has been going on, until it ends."""
        started = time.monotonic()
        while not await asyncio.to_thread(is_done):
            self._say(formats.label(label, formats.seconds(time.monotonic() - started)))
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(_POLL_SECONDS)
        await asyncio.to_thread(self.refresh)

    def _say(self, text: str) -> None:
        self._note = text
        self._tell(note=text)
