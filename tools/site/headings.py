"""The headings of a Markdown text, and the anchors that GitHub gives them."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

markdown = MarkdownIt("commonmark").enable("table")


def heading_title(tokens: Sequence[Token], place: int) -> str:
    """The words of the heading whose opening token is at a place."""
    return "".join(token.content for token in tokens[place + 1].children or [] if token.type in ("text", "code_inline"))


class Anchors:
    """The anchors of one page's headings, which are given in their order."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, title: str) -> str:
        """The anchor of the next heading; a number tells those of the same words apart."""
        slug = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        anchor = f"{slug}-{self._seen[slug]}" if self._seen[slug] else slug
        self._seen[slug] += 1
        return anchor


def slugs(titles: Iterable[str]) -> list[str]:
    """The anchors of headings, in their order."""
    anchors = Anchors()
    return [anchors.of(title) for title in titles]
