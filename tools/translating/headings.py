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


def slugs(titles: Iterable[str]) -> list[str]:
    """The anchors that GitHub gives to headings, in their order."""
    seen: Counter[str] = Counter()
    found = []
    for words in titles:
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        found.append(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found
