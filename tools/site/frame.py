"""The frame around a page: its languages, its sisters, its outline."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from tools.project import repository
from tools.site.opening import Way
from tools.site.phrases import phrases
from tools.site.prose import Body
from tools.tutorials import LANGUAGES

STATIC = Path(__file__).with_name("static")
"""The style sheet, the script and the icon."""


@dataclass(frozen=True)
class Entry:
    """A page in the lists of pages."""

    name: str
    title: str
    summary: str = ""
    english: bool = False
    """Whether it is in English in this language too."""


@dataclass(frozen=True)
class Place:
    """Where a page stands.

    Attributes:
        language: The language of its frame.
        name: Its file's name, which is the same in every language.
        lessons: The language's lessons, in their order.
        documents: What else there is to read.
        alone: Whether the page is one file that needs no other.
    """

    language: str
    name: str
    lessons: Sequence[Entry]
    documents: Sequence[Entry] = ()
    alone: bool = False

    @property
    def around(self) -> tuple[Entry | None, Entry | None]:
        """The lesson before, and the one after."""
        names = [one.name for one in self.lessons]
        if self.name not in names:
            return None, None
        at = names.index(self.name)
        before = self.lessons[at - 1] if at else None
        return before, self.lessons[at + 1] if at + 1 < len(names) else None


def page(
    template: str, place: Place, body: Body, ways: Sequence[Way] = (), written: Collection[str] = LANGUAGES
) -> str:
    """A page.

    Args:
        template: The name of its template.
        place: Where it stands.
        body: What stands in it.
        ways: The entries of its menu *Open in*.
        written: The languages that its body is written in. In the frames of others it is English.
    """
    before, after = place.around
    return (
        environment()
        .get_template(template)
        .render(
            place=place,
            body=body,
            ways=ways,
            written=written,
            english=place.language not in written,
            languages=LANGUAGES,
            say=phrases(place.language),
            before=before,
            after=after,
            repository=repository(),
        )
    )


def root_page() -> str:
    """The page that leads to the reader's language."""
    return environment().get_template("root.html").render(languages=LANGUAGES, say=phrases("en"))


@lru_cache
def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


@lru_cache
def environment() -> Environment:
    """What renders the templates."""
    made = Environment(
        loader=PackageLoader("tools.site"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = _static
    made.globals["version"] = lambda name: hashlib.sha256(_static(name).encode()).hexdigest()[:8]
    return made
