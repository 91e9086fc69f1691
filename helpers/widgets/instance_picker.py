"""The Memorystore instances of a project: pick one, and be connected."""

import asyncio
import time
import warnings
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import ipywidgets

from helpers._connecting.clients import Client
from helpers._connecting.connection import connect
from helpers._localization.messages import say
from helpers.memorystore.creation import begin_creation, creation_announcement
from helpers.memorystore.deletion import begin_deletion
from helpers.memorystore.instances import Instance, Instances, list_instances
from helpers.widgets import pages
from helpers.widgets.controls import Live, button, settled

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
        self._working = False

    def __repr__(self) -> str:
        return f"<InstancePicker {self._project!r}>"

    def refresh(self) -> Instances:
        """List the instances anew.

        Returns:
            What `instances` is now.

        Raises:
            MemorystoreError: The API refuses or can't be reached.
            SignInError: There are no credentials.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # regions that were not reached are named below the table
            self.instances = list_instances(self._project, self._region)
        self._draw()
        return self.instances

    def pick(self, name: str) -> Client:
        """Connect to an instance.

        Args:
            name: Its full name, or its ID where no other region has one of the same.

        Returns:
            The client, as `connect` makes it.

        Raises:
            ValueError: There is none of that name in the list, or more than one.
            ConnectionFailedError: It can't be reached; and whatever else `connect` raises.
        """
        found = [one for one in self.instances or self.refresh() if name in (one.name, one.id)]
        if len(found) != 1:
            names = ", ".join(one.name for one in found or self.instances)
            known = f"{names}\n{say('Give the full name of one of them.')}" if names else say("No instances.")
            what = f"is the ID of {len(found)} instances" if found else "is not one of the instances"
            raise ValueError(f"{name!r} {what}: {known}")
        client = connect(found[0].name, tunnel=self._tunnel)
        self.instance, self.client = found[0], client
        self._draw()
        if self._on_pick is not None:
            self._on_pick(client)
        return client

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        try:
            self.refresh()
            self._error = ""
        except Exception as error:
            self._error = str(error)
        shown = super()._repr_mimebundle_(include, exclude)
        self._draw()
        return shown

    def _picture(self) -> str:
        text = self._error
        if not text and not self.instances:
            text = say("No instances.")
        if self.instances.unreachable:
            text = say("Not reached: {regions}.", regions=", ".join(self.instances.unreachable))
        return self._table(text)

    def _table(self, status: str) -> str:
        return pages.render(
            "instances.html",
            title=say("Memorystore instances"),
            project=self._project,
            columns=[
                *(say("Instance"), say("Region"), say("Tier"), say("Size"), say("Version")),
                *("AUTH", "TLS", say("State")),
            ],
            instances=self.instances,
            picked=self.instance.name if self.instance else "",
            yes=say("on"),
            no=say("off"),
            status=status,
        )

    def _build(self) -> ipywidgets.DOMWidget:
        self._listed, self._problem, self._note = (ipywidgets.HTML() for _ in range(3))
        self._choice = ipywidgets.Dropdown(description=say("Instance"))
        self._connect = button(say("Connect"), self._on_click(self._pick_chosen), button_style="primary")
        region = "" if self._region == "-" else self._region
        self._new_region = ipywidgets.Text(description=say("Region"), value=region, placeholder="us-central1")
        self._new_id = ipywidgets.Text(description=say("ID"), placeholder="chat-history")
        self._tier = ipywidgets.Dropdown(description=say("Tier"), options=["BASIC", "STANDARD_HA"])
        self._price = ipywidgets.HTML()
        for field in (self._new_region, self._new_id, self._tier):
            field.observe(lambda _: self._show_price(), "value")
        self._create = button(say("Create"), self._on_click(self._creation), disabled=True)
        self._confirm = ipywidgets.Text(
            description=say("Delete"), placeholder=say("the ID of the instance once more"), layout={"width": "22em"}
        )
        self._delete = button(say("Delete"), self._on_click(self._deletion), button_style="danger", disabled=True)
        self._confirm.observe(lambda _: self._confirming(), "value")
        self._choice.observe(lambda _: self._confirming(), "value")
        again = button(say("List again"), self._on_click(partial(asyncio.to_thread, self.refresh)))
        creating = ipywidgets.VBox(
            [ipywidgets.HBox([self._new_region, self._new_id, self._tier, self._create], layout=_WRAP), self._price]
        )
        deleting = ipywidgets.HBox([self._confirm, self._delete], layout=_WRAP)
        more = ipywidgets.Accordion([creating, deleting], selected_index=None)
        more.set_title(0, say("Create an instance"))
        more.set_title(1, say("Delete the chosen instance"))
        return ipywidgets.VBox(
            [
                self._listed,
                ipywidgets.HBox([self._choice, self._connect, again], layout=_WRAP),
                self._problem,
                self._note,
                more,
            ]
        )

    def _draw(self) -> None:
        if self._root is None:
            return
        self._listed.value = self._picture()
        chosen = self._choice.value
        self._choice.options = [(f"{one.id} ({one.region})", one.name) for one in self.instances]
        names = [one.name for one in self.instances]
        self._choice.value = chosen if chosen in names else next(iter(names), None)
        self._connect.disabled = self._working or not self.instances
        self._confirming()

    # What the buttons do.

    def _on_click(self, action: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[], None]:
        return lambda: self._start(self._work(action()))

    async def _work(self, work: Any) -> None:
        """Do one thing at a time."""
        if self._working:
            work.close()
            return
        self._working = True
        self._show_error("")
        self._draw()
        try:
            await work
        finally:
            self._working = False
            self._draw()
            self._show_price()

    async def _pick_chosen(self) -> None:
        name = self._choice.value
        self._say(say("Connecting to {id} …", id=name.rpartition("/")[2]))
        try:
            await asyncio.to_thread(self.pick, name)
        except Exception:
            self._say("")
            raise
        self._say(say("Connected to {id}.", id=name.rpartition("/")[2]))

    def _wanted(self) -> str:
        region, name = self._new_region.value.strip(), self._new_id.value.strip()
        return f"projects/{self._project}/locations/{region}/instances/{name}"

    def _show_price(self) -> None:
        """Say what a creation would cost, as soon as it is clear what would be created."""
        try:
            text = creation_announcement(self._wanted(), tier=self._tier.value)
        except ValueError:
            text = ""
        self._create.disabled = self._working or not text
        self._price.value = pages.render("note.html", text=text, href="")

    async def _creation(self) -> None:
        for field in (self._new_region, self._new_id):
            await settled(field)
        name, tier = self._wanted(), self._tier.value
        is_done = await asyncio.to_thread(begin_creation, name, tier=tier)
        await self._follow(is_done, say("Creating {id}", id=self._new_id.value.strip()))
        self._say(say("{id} is ready.", id=self._new_id.value.strip()))
        self._new_id.value = ""

    def _confirming(self) -> None:
        name = self._choice.value or ""
        typed = self._confirm.value.strip()
        self._delete.disabled = self._working or not typed or typed != name.rpartition("/")[2]

    async def _deletion(self) -> None:
        name = self._choice.value
        is_done = await asyncio.to_thread(begin_deletion, name, self._confirm.value)
        self._confirm.value = ""
        if self.instance is not None and self.instance.name == name:
            self.instance = self.client = None
        await self._follow(is_done, say("Deleting {id}", id=name.rpartition("/")[2]))
        self._say(say("{id} is deleted.", id=name.rpartition("/")[2]))

    async def _follow(self, is_done: Callable[[], bool], label: str) -> None:
        """Show for how long an operation has been going on, until it ends."""
        started = time.monotonic()
        while not await asyncio.to_thread(is_done):
            self._say(f"{label}: {time.monotonic() - started:.0f} s")
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(_POLL_SECONDS)
        await asyncio.to_thread(self.refresh)

    def _say(self, text: str) -> None:
        self._note.value = pages.render("note.html", text=text, href="")


_WRAP = {"flex_flow": "row wrap"}
