"""How long the frames of a page take while `SessionExplorer` shows 10,000 sessions: scrolled, sorted and filtered.

Chromium runs without a window and without a GPU. The page is one of its own, so what is measured is the table and not
JupyterLab around it.
"""

import json
import statistics
from typing import Any

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

from helpers import connect
from helpers.embedded import EmbeddedServer
from helpers.widgets import SessionExplorer
from helpers.widgets.modules import joined
from tests.support.chromium import chromium

SESSIONS = 10_000
SHOW = """async ([text, data]) => {
  document.body.innerHTML = "<main id=here></main>";
  const model = { get: name => ({ data })[name], on() {}, off() {}, send() {} };
  const { default: widget } = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  await widget.initialize({ model });
  await widget.render({ model: { ...model }, el: document.querySelector("#here") });
  const find = root => root.querySelector(".scroller")
    ?? [...root.querySelectorAll("*")].map(one => one.shadowRoot && find(one.shadowRoot)).find(Boolean);
  window.scroller = find(document);
  window.root = window.scroller.getRootNode();
}"""
SCROLL = """async () => {
  const frames = [];
  let before = await new Promise(requestAnimationFrame);
  for (let top = 0; top < scroller.scrollHeight; top += 1200) {
    scroller.scrollTop = top;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return frames;
}"""
# From the click or the letter to the frame that shows what came of it.
ACT = """async act => {
  const frames = [];
  for (let count = 0; count < 20; count++) {
    const before = performance.now();
    if (act === "sort") root.querySelector("thead button").click();
    else {
      const field = root.querySelector("input[type=search]");
      field.value = "line 777".slice(0, count % 9);
      field.dispatchEvent(new Event("input"));
    }
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - before);
  }
  return frames;
}"""


def page_data() -> dict[str, Any]:
    """What the explorer tells the page of that many sessions."""
    with EmbeddedServer() as server:
        client = connect(server.url)
        pipeline = client.pipeline(transaction=False)
        for number in range(SESSIONS):
            record = json.dumps({"type": "human", "data": {"content": f"line {number}"}})
            pipeline.rpush(f"message_store:{number:05}", record)
        pipeline.execute()
        explorer = SessionExplorer(client)
        explorer._repr_mimebundle_()
        explorer.refresh()
        data: dict[str, Any] = json.loads(json.dumps(explorer._data))
        assert len(data["rows"]) == SESSIONS
        explorer.close()
    return data


def main() -> None:
    """Measure, and print a table of milliseconds."""
    data, measured = page_data(), {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.evaluate(SHOW, [joined("session_explorer"), data])
        measured["scrolled by 1,200 px a frame, at first"] = page.evaluate(SCROLL)
        measured["scrolled by 1,200 px a frame, again"] = page.evaluate(SCROLL)
        measured["sorted by a click on a header"] = page.evaluate(ACT, "sort")
        measured["filtered by a letter more"] = page.evaluate(ACT, "filter")
        browser.close()
    table = Table("10,000 sessions, ms a frame", "median", "95 %", "longest", title_justify="left")
    for what, frames in measured.items():
        p95 = statistics.quantiles(frames, n=20)[-1]
        table.add_row(what, *(f"{value:.0f}" for value in (statistics.median(frames), p95, max(frames))))
    Console().print(table)


if __name__ == "__main__":
    main()
