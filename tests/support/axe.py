"""axe-core, which looks for what keeps people out of a page."""

import json

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator


def violations(place: Locator, *, whole: bool = False) -> list[str]:
    """What axe-core finds wrong with a part of a page, one line each; of a whole page its landmarks count too."""
    # JupyterLab's landmarks are not the widgets'.
    options = json.dumps({"resultTypes": ["violations"], "rules": {"region": {"enabled": whole}}})
    place.page.evaluate(AXE_SCRIPT)
    found = place.evaluate(f"async place => (await axe.run(place, {options})).violations")
    return [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
