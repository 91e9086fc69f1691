"""The tutorials as a reader has them, in a real JupyterLab with a real kernel and a real Redis."""

import json
import re

import pytest
import redis
from playwright.sync_api import Browser, Route, expect

from tests.support.chromium import chromium
from tests.support.jupyterlab import Lab
from tools.translating import diagrams

if chromium() is None:
    pytest.skip("no Chromium", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere


def without_cleanup(lab: Lab, language: str, tutorial: str) -> str:
    """A copy of a tutorial that leaves its sessions there to be looked at."""
    source = lab.tree / "notebooks" / language / f"{tutorial}.ipynb"
    notebook = json.loads(source.read_text(encoding="utf-8"))
    ids = [cell["id"] for cell in notebook["cells"]]
    notebook["cells"] = notebook["cells"][: ids.index("cleanup")]
    source.with_name("open.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return f"{language}/open.ipynb"


@pytest.mark.parametrize("internet", [True, False])
def test_a_lessons_picture_is_shown_with_and_without_internet(lab: Lab, browser: Browser, internet: bool) -> None:
    address = re.compile(r"https://raw\.githubusercontent\.com/.*/(?P<path>notebooks/en/diagrams/[a-z]+\.svg)$")

    def answer(route: Route) -> None:
        if internet and (found := address.match(route.request.url)):
            route.fulfill(path=lab.tree / found["path"], content_type="image/svg+xml")
        else:
            route.abort()

    notebook = lab.open(browser, "en/01_redis.ipynb", "en")
    notebook.page.route(re.compile("https://"), answer)
    picture = notebook.page.get_by_role("img", name="In each turn your program reads")
    picture.evaluate("image => { image.src = image.src; }")  # asked for once more, now that this test answers
    expect(picture).to_be_visible()
    expect(picture).to_have_css("background-image", re.compile(r'url\("data:image/svg\+xml;base64,'))
    size = picture.bounding_box()
    assert size is not None
    assert (size["width"], size["height"]) == diagrams.size("turn")
    assert bool(picture.evaluate("image => image.decode().then(() => true, () => false)")) == internet
    notebook.close()


def test_memorystore_live(lab: Lab, browser: Browser) -> None:
    notebook = lab.open(browser, without_cleanup(lab, "en", "02_memorystore"), "en")
    notebook.run_all()
    picker = notebook.cell("pick")
    expect(picker.get_by_role("rowheader", name="chat-tutorial-en")).to_be_visible()
    panel = notebook.cell("panel")
    field = panel.get_by_role("textbox", name="Message")
    field.fill("hello there")
    field.press("Enter")
    expect(panel.locator(".list").get_by_text("hello there", exact=True)).to_be_visible()
    assert notebook.dialogs == []
    notebook.close()


def test_an_agent_is_answered_after_a_restart(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    client.set("somebody-elses", "stays")
    cells = json.loads((lab.tree / "notebooks/en/03_agents.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell["id"] for cell in cells if cell["cell_type"] == "code"]
    asked = code.index("request") + 1
    notebook = lab.open(browser, "en/03_agents.ipynb", "en")
    notebook.run(*code[:asked])
    assert {b"thread:agents-tutorial-en", b"thread:agents-tutorial-en-case"} <= set(client.keys())

    notebook.restart_kernel_by_menu()
    notebook.run("install", "language", "form", "desk", *code[asked:])
    expect(notebook.prompt("install")).to_have_text("[1]:")  # it was a new kernel
    expect(notebook.cell("waiting")).to_have_text("refund {'order': 4711, 'amount': 12.5}")
    expect(notebook.cell("approve")).to_contain_text("The refund for order 4711 is on its way.")
    assert client.keys() == [b"somebody-elses"]

    notebook.run_all()
    assert client.keys() == [b"somebody-elses"]
    assert notebook.dialogs == []
    notebook.close()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_pictures_can_be_read_on_both_themes(lab: Lab, browser: Browser, theme: str) -> None:
    """A notebook that is only opened shows the committed pictures: text and background have to differ."""
    notebook = lab.open(browser, "fr/01_redis.ipynb", "fr")
    notebook.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    notebook.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    for cell in ("panel", "explore"):
        place = notebook.cell(cell)
        expect(place.locator("table").first).to_be_visible()
        assert place.locator(".jupyter-widgets").count() == 0
        for element in ("td", "caption", "th"):
            contrast = place.locator(element).first.evaluate(_CONTRAST)
            assert contrast > 4.5, (cell, element, contrast)
    notebook.screenshot(notebook.cell("panel"), f"picture-{theme.split()[-1].lower()}")
    notebook.close()


# The contrast of an element's text with the page behind it, as WCAG 2 defines it; 4.5 is its level AA.
_CONTRAST = """element => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    const [r, g, b, a = 1] = parse(getComputedStyle(one).backgroundColor);
    layers.push([r, g, b, a]);
    if (a === 1) break;
  }
  let behind = [255, 255, 255];
  for (const [r, g, b, a] of layers.reverse())
    behind = [r, g, b].map((value, place) => value * a + behind[place] * (1 - a));
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const [one, other] = [light(parse(getComputedStyle(element).color)), light(behind)].sort((x, y) => y - x);
  return (one + 0.05) / (other + 0.05);
}"""
