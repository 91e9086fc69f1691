"""axe-core, which looks for what keeps people out of a page."""

import json

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator

# Rules for whole pages: JupyterLab's landmarks are not the widgets'.
_OPTIONS = {"resultTypes": ["violations"], "rules": {"region": {"enabled": False}}}


def violations(place: Locator) -> list[str]:
    """What axe-core finds wrong with a part of a page, one line each."""
    place.page.evaluate(AXE_SCRIPT)
    found = place.evaluate(f"async place => (await axe.run(place, {json.dumps(_OPTIONS)})).violations")
    return [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
