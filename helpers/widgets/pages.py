"""The HTML that widgets show, live or as a picture.

Templates escape whatever is put into them, so a message that is HTML is shown and not obeyed. Styles stand on the
elements themselves: GitHub and JupyterLab's sanitizer drop style sheets. Colours are translucent or inherited, and so
fit a dark page as well as a light one.
"""

import time
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from helpers._localization import formats
from helpers._localization.messages import language, say

PICTURED = 10
"""How many rows of a table a picture shows."""


def render(template: str, **values: Any) -> Markup:
    """A template of ``templates/`` as HTML in the reader's language.

    Texts among the values are escaped; what another template made is not escaped again. Half of a surrogate pair,
    which no page can hold, becomes U+FFFD.
    """
    page = _templates().get_template(template).render(lang=language(), **values).strip()
    return Markup(page.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))  # noqa: S704


def table(data: dict[str, Any], counted: str, searching: str) -> Markup:
    """What a table shows, as a picture: its first rows, and how many there are.

    Args:
        data: What the page is told of it.
        counted: A text with places for the numbers, ``shown`` and ``all``.
        searching: What is said while more may come.
    """
    shown = data["rows"][:PICTURED]
    numbers = {"shown": formats.number(len(shown)), "all": formats.number(len(data["rows"]))}
    status = [counted.format(**numbers), searching if data["searching"] else ""]
    status.append(data["note"])
    return render("table.html", data=data, rows=shown, status=" · ".join(filter(None, status)), now=time.time())


def columns(*described: tuple[str, str, str, bool]) -> list[dict[str, Any]]:
    """The columns of a table: of each its key, label and kind, and whether it stays where there is little room."""
    return [dict(zip(("key", "label", "kind", "stays"), one, strict=True)) for one in described]


def about(seconds: float | None) -> str:
    """A time to live as a picture shows it, which is looked at later: rounded up to minutes."""
    return say("never expires") if seconds is None else say("expires within {time}", time=formats.minutes(seconds))


def minutes(seconds: float | None) -> str:
    """A time to live in a table, rounded up to minutes."""
    return "–" if seconds is None else formats.minutes(seconds)


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
    return formats.label(role(name), text)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("helpers.widgets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(role=role, minutes=minutes, number=formats.number, say=say)
    return templates
