"""Markdown and code as HTML, with the outline of the page that they make up."""

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape, unescape
from itertools import groupby
from operator import itemgetter
from typing import Any

from ipython_pygments_lexers import IPython3Lexer
from markdown_it.token import Token
from markupsafe import Markup
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String
from pygments.util import ClassNotFound

from tools.site.addresses import Links
from tools.site.headings import Anchors, heading_title, markdown
from tools.site.pictures import KINDS

Attachments = Mapping[str, tuple[str, bytes]]

_SUFFIXES = {kind: suffix for suffix, kind in reversed(KINDS.items())}
_ATTRIBUTE = re.compile(r"""\b([\w-]+)=(["'])(.*?)\2""", re.DOTALL)
_LINK = re.compile(r"""\bhref=(["'])(.*?)\1""", re.DOTALL)
_IMAGE = re.compile(r"<(?:img|source)\b[^>]*>", re.DOTALL)
# The kinds of a code's parts that have a colour, with the class that gives it; the first that fits counts.
_COLOURED = (
    (Comment, "comment"),
    (Keyword, "keyword"),
    (Operator.Word, "keyword"),
    (String.Interpol, "number"),
    (String, "string"),
    (Number, "number"),
    (Name.Builtin, "name"),
    (Name.Class, "name"),
    (Name.Decorator, "name"),
    (Name.Function, "name"),
    (Name.Namespace, "name"),
)


@dataclass
class Section:
    """A heading, and the words below it up to the next one."""

    anchor: str
    level: int
    title: str
    words: list[str] = field(default_factory=list)


@dataclass
class Body:
    """What stands in the frame of a page."""

    title: str
    summary: str
    html: Markup
    sections: list[Section]


class Prose:
    """Renders the texts of one page, one after the other.

    Args:
        links: Where the links of the page's file lead to.
        aliases: Other anchors of the page's headings, in their order.

    Attributes:
        links: The same.
        sections: The outline so far. What stands above the first heading belongs to a section without a title.
        summary: The words of the first paragraph.
    """

    def __init__(self, links: Links, aliases: Iterable[str] = ()) -> None:
        self.links = links
        self._aliases = iter(aliases)
        self._anchors = Anchors()
        self.sections: list[Section] = [Section("", 1, "")]
        self.summary = ""

    @property
    def title(self) -> str:
        """The words of the page's first heading."""
        return next((section.title for section in self.sections if section.title), "")

    def markdown(self, text: str, attachments: Attachments | None = None) -> Markup:
        """A Markdown text as HTML."""
        tokens = markdown.parse(text)
        for place, token in enumerate(tokens):
            if token.type == "heading_open":
                anchor = token.attrs["id"] = self.head(int(token.tag[1]), heading_title(tokens, place))
                if (alias := next(self._aliases, anchor)) != anchor:
                    named = Token("html_inline", "", 0, content=f'<span id="{escape(alias)}"></span>')
                    tokens[place + 1].children = [named, *(tokens[place + 1].children or [])]
            elif token.type == "inline":
                if tokens[place - 1].type != "heading_open":
                    self.say(_words(token))
                if tokens[place - 1].type == "paragraph_open" and not self.summary:
                    self.summary = _words(token)
                token.children = list(self._inline(token.children or [], attachments))
            elif token.type in ("fence", "code_block"):
                self.say(token.content)
                token.type, token.content = "html_block", str(code(token.content, token.info.strip()))
            elif token.type == "html_block":
                token.content = self._html(token.content, attachments)
            elif token.type == "table_open":
                token.attrs["class"] = "words"
        html = str(markdown.renderer.render(tokens, markdown.options, {}))
        return made(re.sub(r"(<table.*?</table>)", r'<div class="wide">\1</div>', html, flags=re.DOTALL))

    def head(self, level: int, title: str) -> str:
        """Begin a section; returns its anchor."""
        self.sections.append(Section(self._anchors.of(title), level, title))
        return self.sections[-1].anchor

    def say(self, words: str) -> None:
        """Add words to the section that has begun, for the search."""
        self.sections[-1].words.append(words)

    def _inline(self, tokens: Iterable[Token], attachments: Attachments | None) -> Iterable[Token]:
        for token in tokens:
            if token.type == "link_open":
                token.attrs["href"] = self.links.page(str(token.attrs["href"]))
            elif token.type == "image":
                found = self.links.picture(str(token.attrs["src"]), attachments)
                html = found.element(token.content) if found else escape(token.content)
                token = Token("html_inline", "", 0, content=html)
            elif token.type == "html_inline":
                token.content = self._html(token.content, attachments)
            yield token

    def _html(self, html: str, attachments: Attachments | None) -> str:
        """HTML within Markdown, its links and pictures as the page needs them."""

        def image(found: re.Match[str]) -> str:
            given = {name: unescape(value) for name, _, value in _ATTRIBUTE.findall(found[0])}
            kept = self.links.picture(given.get("src") or given["srcset"], attachments)
            if found[0].startswith("<source"):
                return (
                    f'<source media="{escape(given.get("media", ""))}" srcset="{escape(kept.address)}">' if kept else ""
                )
            return kept.element(given.get("alt", "")) if kept else escape(given.get("alt", ""))

        def link(found: re.Match[str]) -> str:
            return f'href="{escape(self.links.page(unescape(found[2])))}"'

        return _IMAGE.sub(image, _LINK.sub(link, html))


def _words(inline: Token) -> str:
    """The words of a paragraph, without its marks and its pictures."""
    parts = (
        token.content if token.type in ("text", "code_inline") else " " if token.type.endswith("break") else ""
        for token in inline.children or []
    )
    return "".join(parts)


def made(html: str) -> Markup:
    """HTML that was made here, or that a notebook holds: both are trusted as the repository is."""
    return Markup(html)  # noqa: S704 - see above


@lru_cache(maxsize=1024)  # most cells have the same code in every language
def code(source: str, language: str = "") -> Markup:
    """A block of code, with the parts marked that have a colour."""
    lexer = _lexer(language)
    text = _marked(source, lexer) if lexer else escape(source)
    named = f' class="language-{escape(language)}"' if language else ""
    return made(f"<pre><code{named}>{text.rstrip()}\n</code></pre>\n")


def _marked(source: str, lexer: Lexer) -> str:
    parts = ((_colour(kind), text) for kind, text in lexer.get_tokens(source))
    together = ((colour, escape("".join(text for _, text in run))) for colour, run in groupby(parts, itemgetter(0)))
    return "".join(f'<span class="{colour}">{text}</span>' if colour else text for colour, text in together)


@lru_cache
def _colour(kind: Any) -> str:
    return next((name for known, name in _COLOURED if kind in known), "")


@lru_cache
def _lexer(language: str) -> Lexer | None:
    if language == "python":
        return IPython3Lexer(stripnl=False)  # `!pip` and `%pip` among it
    try:
        return get_lexer_by_name(language, stripnl=False) if language and language != "text" else None
    except ClassNotFound:
        return None


def attached(attachments: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, bytes]]:
    """A cell's attachments by name: a file name, and the content."""
    found = {}
    for name, bundle in attachments.items():
        kind, data = next(iter(bundle.items()))
        stem = re.sub(r"\.\w+$", "", name)
        found[name] = stem + _SUFFIXES.get(kind, ""), content_of(kind, data)
    return found


def content_of(kind: str, data: str | list[str]) -> bytes:
    """The bytes of a picture as notebooks keep it: Base64, but SVG may be text."""
    text = data if isinstance(data, str) else "".join(data)
    if kind == "image/svg+xml" and text.lstrip().startswith("<"):
        return text.encode()
    return b64decode(text)
