"""The picker's Python side. `test_ipywidgets_7.py` runs it with Colab's versions too."""

import asyncio
import html
import re
import threading
from typing import Any

import pytest

from helpers._connecting.connection import connect
from helpers.emulator import Emulator
from helpers.emulator.servers.instances import EmulatedInstance
from helpers.memorystore import create_instance
from helpers.widgets import InstancePicker
from tests.widgets.page import Page, eventually, visible

PROJECT = "projects/practice/locations/us-central1/instances"


async def test_an_instance_is_picked(emulator: Emulator) -> None:
    await asyncio.to_thread(create_instance, f"{PROJECT}/chat", auth=True, tls=True)
    await asyncio.to_thread(create_instance, f"{PROJECT}/plain", auth=False, tls=False)
    picked: list[Any] = []
    picker = InstancePicker("practice", on_pick=picked.append)
    page = Page(picker)
    assert "chat us-central1 BASIC 1 GB REDIS_7_2 ✓ on ✓ on READY" in visible(page.picture)
    assert "plain us-central1 BASIC 1 GB REDIS_7_2 — off — off READY" in visible(page.picture)
    page.ask("connect", name=f"{PROJECT}/chat")
    await eventually(lambda: bool(picked))
    assert picker.client is connect(f"{PROJECT}/chat") is connect(f"{PROJECT}/chat", tunnel="")
    assert picked == [picker.client]
    assert picker.instance is not None
    assert picker.instance.id == "chat"
    await eventually(lambda: page.data["note"] == "Connected to chat.")
    await eventually(lambda: not page.data["working"])
    assert [row["marked"] for row in page.data["rows"]] == [True, False]
    with pytest.raises(ValueError, match="'nothing' is not one of the instances"):
        picker.pick("nothing")
    picker.close()


def test_an_id_that_two_regions_have_is_ambiguous(emulator: Emulator) -> None:
    names = [f"projects/practice/locations/{region}/instances/chat" for region in ("europe-west1", "us-central1")]
    for name in [*names, f"{PROJECT}/other"]:
        create_instance(name, auth=False, tls=False)
    picker = InstancePicker("practice")
    with pytest.raises(ValueError, match="'chat' is the ID of 2 instances") as caught:
        picker.pick("chat")
    assert str(caught.value).splitlines()[0].endswith(": " + ", ".join(names))
    assert str(caught.value).splitlines()[1] == "Give the full name of one of them."
    assert picker.pick(names[0]) is connect(names[0])


async def test_one_is_created_and_deleted_with_progress(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, start = threading.Event(), EmulatedInstance.start

    async def start_once_it_was_seen(instance: EmulatedInstance) -> None:
        await asyncio.to_thread(seen.wait, 60)
        await start(instance)

    monkeypatch.setattr(EmulatedInstance, "start", start_once_it_was_seen)
    picker = InstancePicker("practice")
    page = Page(picker)
    assert "Instances: 0 of 0" in visible(page.picture)
    assert page.data["price"] == ""
    wanted = {field["key"]: field["value"] for field in page.data["form"]}
    page.ask("price", wanted=wanted)
    assert page.data["price"] == ""
    wanted |= {"region": "us-central1", "id": "fresh "}
    page.ask("price", wanted=wanted)
    assert "BASIC tier, 1 GB" in page.data["price"]
    assert "costs nothing" in page.data["price"]
    page.ask("create", wanted=wanted)
    await eventually(lambda: re.search(r"Creating fresh: \d+ s", page.data["note"]), seconds=60)
    await eventually(lambda: {"value": "CREATING", "text": "CREATING", "tone": "warn"} in page.column("state"), 60)
    assert page.data["rows"][0]["actions"][0]["disabled"]
    page.ask("create", wanted=wanted | {"id": "second"})  # one thing at a time
    seen.set()
    await eventually(lambda: page.data["note"] == "fresh is ready.", seconds=60)
    assert [one.id for one in picker.instances] == ["fresh"]
    await eventually(lambda: not page.data["working"])
    page.ask("delete", name=f"{PROJECT}/fresh", typed="fres")
    await eventually(lambda: page.data["error"])
    await eventually(lambda: not page.data["working"])
    page.ask("delete", name=f"{PROJECT}/fresh", typed="fresh")
    await eventually(lambda: page.data["note"] == "fresh is deleted.", seconds=60)
    assert list(picker.instances) == []
    assert page.data["error"] == ""
    picker.close()


async def test_an_error_of_the_api_is_shown_with_its_advice(emulator: Emulator) -> None:
    page = Page(InstancePicker("api-disabled"))
    assert "Could not list the instances of api-disabled" in html.unescape(page.picture)
    assert "gcloud services enable redis.googleapis.com" in page.data["error"]
