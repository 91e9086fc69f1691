"""The slides as files, and the command that makes them."""

import argparse
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tools.project import root
from tools.site.frame import environment
from tools.site.phrases import phrases
from tools.site.slides.deck import deck
from tools.tutorials import LANGUAGES, lessons, narrowed

SLIDES = root() / "build" / "slides"
_HERE = Path(__file__).parent
VENDORED = _HERE / "vendor"
"""reveal.js, as it was published."""


def page(language: str, lesson: str) -> str:
    """A lesson's slides as one file.

    Args:
        language: The language.
        lesson: The lesson's name.
    """
    return (
        environment()
        .get_template("slides.html")
        .render(
            language=language,
            deck=deck(language, lesson),
            say=phrases(language),
            license=_read(VENDORED / "LICENSE"),
            styles=[_read(VENDORED / "reveal.css"), _read(_HERE / "slides.css")],
            scripts=[_read(VENDORED / "reveal.js"), _read(VENDORED / "notes.js"), _read(_HERE / "slides.js")],
        )
    )


@lru_cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0 all made, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m tools slides",
        description="Make the lessons' slides in build/slides/, from the committed notebooks. Each is one file that "
        "opens in a browser and needs no network.",
    )
    options = narrowed(parser, lessons(), arguments)
    for language in [options.language] if options.language else LANGUAGES:
        for lesson in [options.tutorial] if options.tutorial else lessons():
            path = SLIDES / language / f"{lesson}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page(language, lesson), encoding="utf-8")
            print(os.path.relpath(path))
    return 0
