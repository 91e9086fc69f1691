"""The HTML that widgets show, live or as a picture.

Templates escape whatever is put into them, so a message that is HTML is shown and not obeyed. Styles stand on the
elements themselves: GitHub and JupyterLab's sanitizer drop style sheets. Colours are translucent or inherited, and so
fit a dark page as well as a light one.
"""

import math
import time
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from helpers._localization.messages import language, say

PICTURED = 10
"""How many rows of a table a picture shows."""
_SHOWN_SIZES = ((1 << 20, "MB"), (1 << 10, "kB"))


def render(template: str, **values: Any) -> Markup:
    """A template of ``templates/`` as HTML in the reader's language.

    Texts among the values are escaped; what another template made is not escaped again. Half of a surrogate pair,
    which no page can hold, becomes U+FFFD.
    """
    page = _templates().get_template(template).render(lang=language(), **values).strip()
    return Markup(page.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))  # noqa: S704


def table(data: dict[str, Any], texts: dict[str, str]) -> Markup:
    """What a table shows, as a picture: its first rows in their order, and how many there are."""
    shown = data["rows"][:PICTURED]
    largest: dict[str, Any] = {
        column["key"]: max((_value(row["cells"][column["key"]]) for row in shown), default=0) or 1
        for column in data["columns"]
        if column["kind"] == "bytes"
    }
    rows = [(row, [_cell(column, row["cells"], largest, texts) for column in data["columns"]]) for row in shown]
    counted = texts["counted"].format(shown=len(shown), all=len(data["rows"]))
    status = [counted, texts["searching"] if data.get("searching") else "", data.get("note", "")]
    return render("table.html", data=data, rows=rows, status=" · ".join(filter(None, status)))


def table_texts() -> dict[str, str]:
    """What every table says on a page."""
    return {
        "filter": say("Filter"),
        "sort": say("Sort by this column"),
        "sortBy": say("Sort by"),
        "sortedUp": say("Sorted by {column}, ascending"),
        "sortedDown": say("Sorted by {column}, descending"),
        "choose": say("Choose {name}"),
        "chooseAll": say("Choose all that are shown"),
        "actions": say("Actions"),
        "searching": say("searching …"),
        "noMatch": say("Nothing matches “{text}”."),
        "clearFilter": say("Clear the filter"),
        "expired": say("expired"),
        "on": say("on"),
        "off": say("off"),
        "delete": say("Delete"),
        "sure": say("{label}: click again"),
    }


def _value(cell: Any) -> Any:
    return cell["value"] if isinstance(cell, dict) else cell


def _cell(column: dict[str, Any], cells: dict[str, Any], largest: dict[str, int], texts: dict[str, str]) -> Any:
    """A cell of a picture: its kind, its text, and how much of the largest it is."""
    kind, cell = column["kind"], cells[column["key"]]
    value, share = _value(cell), 0
    if kind == "bytes":
        share = round(100 * value / largest[column["key"]])
        text = (cell["text"] if isinstance(cell, dict) else "") + str(value)
    elif kind == "until":
        text = minutes(None if value is None else value - time.time())
    elif kind == "flag":
        text = f"✓ {texts['on']}" if value else f"— {texts['off']}"
    else:
        text = str(cell["text"] if isinstance(cell, dict) else value)
        mark = cells.get(f"{column['key']}:mark")
        text += f" · {mark}" if mark else ""
    return {"kind": kind, "text": text, "share": share}


def about(seconds: float | None) -> str:
    """A time to live as a picture shows it, which is looked at later: rounded up to minutes."""
    return say("never expires") if seconds is None else say("expires within {time}", time=minutes(seconds))


def minutes(seconds: float | None) -> str:
    """A time to live in a table, rounded up to minutes."""
    return "–" if seconds is None else say("{minutes} min", minutes=math.ceil(seconds / 60))


def size(number: int) -> str:
    """A number of bytes."""
    for unit, name in _SHOWN_SIZES:
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number} B"


def role(name: str) -> str:
    """Who said a message, in the reader's language; a type that is not known as LangChain calls it."""
    return {
        "human": say("You"),
        "ai": say("Assistant"),
        "AIMessageChunk": say("Assistant"),
        "system": say("System"),
        "tool": say("Tool"),
        "encrypted": say("encrypted"),
        "": say("damaged"),
    }.get(name, name)


def waiting(there_is_a_question: bool) -> str:
    """What is said of a thread that was interrupted to ask something; else nothing."""
    answer = "agent.invoke(Command(resume=…), config)"
    return say("The agent waits for your decision: {call}", call=answer) if there_is_a_question else ""


def quoted(name: str, text: str) -> str:
    """A message in one line: who said it, and what."""
    return say("{role}: {text}", role=role(name), text=text)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("helpers.widgets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(role=role)
    return templates
