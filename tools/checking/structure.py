"""What a translation has to keep of its source, and what it changes all the same."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from posixpath import normpath
from string import Formatter
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.translating.catalogs import plain_python

_PLACEHOLDER = re.compile(r"\{\{.*?\}\}")
_BREAK = "\0"


@dataclass(frozen=True)
class Difference:
    """Something that a translation changes; `line` is one of the translation, 0 where it has none."""

    text: str
    line: int = 0


# --- Markdown ---------------------------------------------------------------------------------


@dataclass
class Structure:
    """What stands in a Markdown text beside its words; each value with the line at which it stands."""

    headings: list[tuple[str, int]] = field(default_factory=list)
    tables: list[tuple[str, int]] = field(default_factory=list)
    lists: list[tuple[str, int]] = field(default_factory=list)
    fences: list[tuple[tuple[str, str], int]] = field(default_factory=list)
    links: list[tuple[str, int]] = field(default_factory=list)
    images: list[tuple[str, int]] = field(default_factory=list)
    codes: list[tuple[str, int]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)  # the headings' words
    words: str = ""  # the prose alone: code left out, and a break in its place
    unlinked: str = ""  # the same without the links' texts


_markdown = MarkdownIt("commonmark").enable("table")


@lru_cache(maxsize=4096)
def structure(text: str) -> Structure:
    """What a Markdown text is made of."""
    found = Structure()
    line = 1
    prose: list[str] = []
    unlinked: list[str] = []
    open_lists: list[tuple[int, int]] = []  # place in `lists`, and items so far
    rows = columns = table_line = 0
    tokens = _markdown.parse(text)
    for place, token in enumerate(tokens):
        line = token.map[0] + 1 if token.map else line
        if token.type == "heading_open":
            found.headings.append((token.tag, line))
            found.titles.append(_title(tokens[place + 1]))
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            open_lists.append((len(found.lists), 0))
            found.lists.append((token.type.split("_")[0], line))
        elif token.type == "list_item_open":
            where, items = open_lists[-1]
            open_lists[-1] = where, items + 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            where, items = open_lists.pop()
            kind, began = found.lists[where]
            found.lists[where] = f"{kind} list of {items}", began
        elif token.type == "table_open":
            rows, columns, table_line = 0, 0, line
        elif token.type == "tr_open":
            rows += 1
        elif token.type in ("th_open", "td_open"):
            columns += rows == 1
        elif token.type == "table_close":
            found.tables.append((f"{rows} rows × {columns} columns", table_line))
        elif token.type in ("fence", "code_block"):
            found.fences.append(((token.info.strip(), token.content), line))
        elif token.type == "html_block":
            _html(token.content, line, found)
        elif token.type == "inline":
            _inline(token.children or [], line, found, prose, unlinked)
            prose.append(_BREAK)
            unlinked.append(_BREAK)
    found.words, found.unlinked = "".join(prose), "".join(unlinked)
    return found


def _inline(tokens: Iterable[Token], line: int, found: Structure, prose: list[str], unlinked: list[str]) -> None:
    links = 0
    for token in tokens:
        word = _BREAK
        if token.type == "text":
            word = token.content
        elif token.type in ("softbreak", "hardbreak"):
            word = " "
            line += 1
        elif token.type == "code_inline":
            found.codes.append((token.content, line))
        elif token.type == "link_open":
            found.links.append((str(token.attrs["href"]), line))
            links, word = links + 1, ""
        elif token.type == "link_close":
            links, word = links - 1, ""
            unlinked.append(_BREAK)
        elif token.type == "image":
            found.images.append((str(token.attrs["src"]), line))
        elif token.type == "html_inline":
            _html(token.content, line, found)
        else:  # emphasis
            word = ""
        prose.append(word)
        unlinked.append(_BREAK if links else word)


def _html(text: str, line: int, found: Structure) -> None:
    found.links.extend((target, line) for target in re.findall(r"<a\b[^>]*\bhref=[\"']([^\"']+)", text))
    found.images.extend((target, line) for target in re.findall(r"<img\b[^>]*\bsrc=[\"']([^\"']+)", text))


def _title(inline: Token) -> str:
    return "".join(token.content for token in inline.children or [] if token.type in ("text", "code_inline"))


def slugs(titles: Iterable[str]) -> set[str]:
    """The anchors that GitHub gives to headings."""
    seen: Counter[str] = Counter()
    found = set()
    for words in titles:
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def markdown_differences(source: str, translation: str, language: str) -> Iterator[Difference]:
    """What a translated Markdown cell changes beside its words."""
    ours, theirs = structure(source), structure(translation)
    for name, wanted, given in (
        ("headings", ours.headings, theirs.headings),
        ("tables", ours.tables, theirs.tables),
        ("lists", ours.lists, theirs.lists),
    ):
        yield from _in_order(name, wanted, given)
    yield from _fence_differences(ours.fences, theirs.fences)
    yield from _as_bag("links", _targets(ours.links, "en"), _targets(theirs.links, language))
    yield from _as_bag("images", ours.images, theirs.images)
    yield from _as_bag("inline code", ours.codes, theirs.codes)
    yield from placeholder_differences(source, translation)


def placeholder_differences(source: str, translation: str) -> Iterator[Difference]:
    """Where {{placeholders}} differ."""
    wanted, given = (
        [(found, number) for number, line in enumerate(text.splitlines(), 1) for found in _PLACEHOLDER.findall(line)]
        for text in (source, translation)
    )
    yield from _as_bag("placeholders", wanted, given)


def _in_order(name: str, wanted: list[tuple[str, int]], given: list[tuple[str, int]]) -> Iterator[Difference]:
    ours, theirs = [value for value, _ in wanted], [value for value, _ in given]
    if ours != theirs:
        at = next(
            (place for place, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), len(ours)
        )
        line = given[at][1] if at < len(given) else 0
        text = f"the {name} differ: {', '.join(theirs) or 'none'}; in English {', '.join(ours) or 'none'}."
        yield Difference(text, line)


def _as_bag(name: str, wanted: list[tuple[str, int]], given: list[tuple[str, int]]) -> Iterator[Difference]:
    """What two collections do not share; their order is the language's own."""
    ours, theirs = Counter(value for value, _ in wanted), Counter(value for value, _ in given)
    lacking, extra = ours - theirs, theirs - ours
    parts = [
        f"{word} {', '.join(sorted(values.elements()))}"
        for word, values in (("lacks", lacking), ("has besides", extra))
        if values
    ]
    if parts:
        line = next((number for value, number in given if value in extra), 0)
        yield Difference(f"the {name} differ: the translation {' and '.join(parts)}.", line)


def _targets(links: list[tuple[str, int]], language: str) -> list[tuple[str, int]]:
    """Where links lead, a file of one's own language being the same for all."""

    def target(link: str) -> str:
        if re.match(r"[a-z][a-z0-9+.-]*:|//|\{\{|%7B%7B", link):
            return link
        path, hash_, _ = link.partition("#")
        resolved = normpath(f"{language}/{unquote(path)}") if path else ""
        return resolved.removeprefix(f"{language}/") + hash_  # an anchor is made of translated words

    return [(target(link), line) for link, line in links]


def _fence_differences(
    ours: list[tuple[tuple[str, str], int]], theirs: list[tuple[tuple[str, str], int]]
) -> Iterator[Difference]:
    if [info for (info, _), _ in ours] != [info for (info, _), _ in theirs]:
        line = theirs[-1][1] if theirs else 0
        yield Difference(f"the code blocks differ: {len(theirs)} in the translation, {len(ours)} in English.", line)
        return
    for ((info, source), _), ((_, translation), line) in zip(ours, theirs, strict=True):
        wanted, given = (_uncommented(info, text) for text in (source, translation))
        if wanted != given:
            at = next(
                (number for number, pair in enumerate(zip(wanted, given, strict=False)) if pair[0] != pair[1]),
                min(len(wanted), len(given)),
            )
            shown = given[at].strip() if at < len(given) else "(end)"
            yield Difference(f"a code block differs from English beyond its comments: {shown}", line)


def _uncommented(info: str, text: str) -> list[str]:
    if info == "python":
        try:
            return ast.unparse(ast.parse(plain_python(text))).splitlines()
        except SyntaxError:
            pass  # an excerpt
    lines = (re.sub(r"(^|\s)#.*$", "", line).rstrip() for line in text.splitlines())
    return [line for line in lines if line]


# --- code -------------------------------------------------------------------------------------


def code_difference(source: str, translation: str, *, strings: bool) -> Difference | None:
    """What a translated code cell changes beyond comments (and, with `strings`, texts), or None."""
    try:
        ours, theirs = ast.parse(plain_python(source)), ast.parse(plain_python(translation))
    except SyntaxError as error:
        return Difference(f"the translated code is not Python: {error.msg}.", error.lineno or 0)
    ours_texts, theirs_texts = (_texts(tree) if strings else [] for tree in (ours, theirs))
    if strings:
        ours, theirs = _Blanked().visit(ours), _Blanked().visit(theirs)
    if ast.dump(ours) != ast.dump(theirs):
        return Difference("the code differs from the English source.", _first_different_line(ours, theirs))
    for (wanted, _), (given, line) in zip(ours_texts, theirs_texts, strict=True):
        if wanted != given:
            fields = f"{', '.join(given) or 'none'}; in English {', '.join(wanted) or 'none'}."
            return Difference(f"the placeholders {{…}} of a text differ: {fields}", line)
    if _form_fields(source) != _form_fields(translation):
        return Difference("the form fields (# @param …) differ from the English source.")
    return next(placeholder_differences(source, translation), None)


class _Blanked(ast.NodeTransformer):
    """Takes the texts out of a tree, and leaves where they stand."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.copy_location(ast.Constant(""), node) if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.copy_location(ast.Constant(""), node)


def _texts(tree: ast.AST) -> list[tuple[list[str], int]]:
    """The fields of each text of a tree, in the tree's order; a field's place in its text is the language's own."""

    def walk(node: ast.AST) -> Iterator[tuple[list[str], int]]:
        if isinstance(node, ast.JoinedStr):
            fields = (ast.unparse(part) for part in node.values if isinstance(part, ast.FormattedValue))
            yield sorted(re.sub(r"^f(['\"]+)(.*)\1$", r"\2", unparsed) for unparsed in fields), node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield _format_fields(node.value), node.lineno
        else:
            for child in ast.iter_child_nodes(node):
                yield from walk(child)

    return list(walk(tree))


def _format_fields(text: str) -> list[str]:
    try:
        return sorted(f"{{{name}}}" for _, name, _, _ in Formatter().parse(text) if name is not None)
    except ValueError:
        return []  # braces that are no format string's


def _first_different_line(ours: ast.AST, theirs: ast.AST) -> int:
    """The line of the translation's first statement that is not the source's."""
    pairs = zip(getattr(ours, "body", []), getattr(theirs, "body", []), strict=False)
    for mine, other in pairs:
        if ast.dump(mine) != ast.dump(other):
            return _first_different_line(mine, other) or int(other.lineno)
    return 0


def _form_fields(source: str) -> list[str]:
    return re.findall(r"^(\w+ = ).*(# @param .*)$", source, re.MULTILINE)
