"""A real JupyterLab with a real kernel, driven through Debian's Chromium."""

import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, sync_playwright

from tests.conftest import family
from tests.support.chromium import chromium
from tools.tutorials import neutral_environment

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
_SWITCHES = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --lang=en-US"
).split()
# News would cover the page, and cells out of sight would not be drawn.
_SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
_READY_SECONDS, _RUN_SECONDS = 60, 120


@contextmanager
def running_browser(*switches: str) -> Iterator[Browser]:
    """A browser without a window, with switches of its own beside the usual ones."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*_SWITCHES, *switches])
        yield browser
        browser.close()


@contextmanager
def with_profile(browser: Browser, folder: Path) -> Iterator[BrowserContext]:
    """Another browser of the same kind, with a reader's profile: its cache is on the disk, and as large as theirs."""
    context = browser.browser_type.launch_persistent_context(folder, executable_path=chromium(), args=_SWITCHES)
    yield context
    context.close()


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that serves the notebooks of a tree."""

    port: int
    token: str
    tree: Path

    def open(self, browser: Browser, path: str, locale: str) -> "Notebook":
        """A notebook in a page of its own, with its kernel ready."""
        context = browser.new_context(
            viewport={"width": 1280, "height": 1000}, device_scale_factor=1.5, locale=locale, accept_downloads=True
        )
        notebook = Notebook(context.new_page(), self.tree / "notebooks" / path)
        notebook.page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{path}?token={self.token}&reset")
        notebook.wait_until_ready()
        return notebook

    def open_cells(self, browser: Browser, cells: dict[str, str], language: str = "en") -> "Notebook":
        """A notebook of code cells, given by their IDs, which have run."""
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source, id=name) for name, source in cells.items()]
        )
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        path = f"{language}/{secrets.token_hex(4)}.ipynb"
        nbformat.write(made, self.tree / "notebooks" / path)
        notebook = self.open(browser, path, language)
        notebook.run(*cells)
        return notebook


@contextmanager
def running_lab(tree: Path, redis_url: str, python: str | Path = sys.executable) -> Iterator[Lab]:
    """JupyterLab as ``make lab`` starts it, until the block is left; its kernels end with it."""
    for name, settings in _SETTINGS.items():
        file = tree / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    log = tree / "lab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(str(python), "-m", "tools", "lab", "--no-browser", "--allow-root"),
                *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
                "--LabApp.expose_app_in_browser=True",
            ],
            cwd=tree,
            env=neutral_environment()
            | {
                "REDIS_URL": redis_url,
                "PYTHONPATH": str(tree),
                "JUPYTERLAB_SETTINGS_DIR": str(tree / "settings"),
                "JUPYTER_CONFIG_DIR": str(tree / "config"),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Lab(port, token, tree)
    finally:
        children = family(process.pid)
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children:
            if child.is_running():
                child.kill()


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


class Notebook:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.path = page, path
        self.dialogs: list[str] = []
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._dismiss)
        page.set_default_timeout(20_000)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def wait_until_open(self) -> None:
        """Wait for the page and the notebook."""
        self.page.wait_for_function(
            # Before the file is read there is one cell, which is empty.
            "() => window.jupyterapp?.shell.currentWidget?.context?.isReady"
            " && window.jupyterapp.shell.currentWidget.content.widgets.length > 0",
            timeout=_READY_SECONDS * 1000,
        )

    def wait_until_ready(self) -> None:
        """Wait for the page, the notebook and its kernel."""
        self.wait_until_open()
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.ready")
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.ready")
        self.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")

    def run_all(self, seconds: float = _RUN_SECONDS) -> None:
        """Run all cells, and wait until the last one has run."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')", None)
        failed = self.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']")
        deadline = time.monotonic() + seconds
        while not self.page.evaluate(_ALL_RUN):
            assert time.monotonic() < deadline, "the notebook did not run through"
            time.sleep(0.1)
        assert failed.count() == 0, failed.all_inner_texts()

    def run(self, *cell_ids: str) -> None:
        """Run cells one after the other; each has to end well."""
        for cell_id in cell_ids:
            assert self.page.evaluate(_RUN, cell_id), (cell_id, self.cell(cell_id).inner_text())

    def restart_kernel_by_menu(self) -> None:
        """Restart the kernel as a reader does, and answer that this was meant."""
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.get_by_role("menuitem", name="Restart Kernel…").click()
        with self.page.expect_response(lambda response: response.url.partition("?")[0].endswith("/restart")):
            self.page.get_by_role("dialog").get_by_text("Restart", exact=True).click()
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.ready")

    def restart_kernel(self) -> None:
        """Restart the kernel, and wait until it is ready."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.ready")

    def prompt(self, cell_id: str) -> Locator:
        """What stands before a cell: how many its kernel had run when it ran this one."""
        return self.place(cell_id).locator(".jp-InputPrompt")

    def cell(self, cell_id: str) -> Locator:
        """The outputs of a cell."""
        found = self.place(cell_id).locator(".jp-Cell-outputArea")
        found.scroll_into_view_if_needed()
        return found

    def place(self, cell_id: str) -> Locator:
        """A cell."""
        index = self.page.evaluate(
            "id => window.jupyterapp.shell.currentWidget.content.widgets.findIndex(one => one.model.id === id)", cell_id
        )
        assert index >= 0, cell_id
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def save(self) -> None:
        """Save the notebook."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")

    def shut_down_kernel(self) -> None:
        """End the kernel, as a reader does who closes it."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")

    def theme(self, name: str) -> None:
        """Change the page's colours to ``Light`` or ``Dark``."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {name}"
        )
        self.page.wait_for_function(
            "theme => document.body.dataset.jpThemeName === `JupyterLab ${theme}`"
            " && getComputedStyle(document.body).getPropertyValue('--jp-layout-color1').trim() !== ''"
            " && (document.body.dataset.jpThemeLight === 'true') === (theme === 'Light')",
            arg=name,
        )

    def screenshot(self, place: Locator, name: str) -> None:
        """Keep a picture of a place on the page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        place.scroll_into_view_if_needed()
        place.screenshot(path=SCREENSHOTS / f"{name}.png")

    def close(self) -> None:
        """Shut the kernel down and leave the page."""
        self.shut_down_kernel()
        self.page.context.close()


_RUN = """id => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.deselectAll();
  notebook.activeCellIndex = notebook.widgets.findIndex(one => one.model.id === id);
  return window.jupyterapp.commands.execute('notebook:run-cell');
}"""
_ALL_RUN = """() => {
  const notebook = window.jupyterapp.shell.currentWidget;
  const code = notebook.content.widgets.filter(one => one.model.type === 'code');
  const idle = notebook.sessionContext.session?.kernel?.status === 'idle';
  return idle && code.every(one => one.model.executionState === 'idle' && one.model.executionCount !== null);
}"""
