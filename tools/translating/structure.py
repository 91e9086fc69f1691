"""What a translation has to keep of its source, and what it changes all the same."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, zip_longest
from posixpath import normpath
from string import Formatter
from typing import Literal
from urllib.parse import unquote

from markdown_it.token import Token

from tools.site.headings import heading_title, markdown
from tools.translating.catalogs import GIVEN, plain_python
from tools.tutorials import ENGLISH, LANGUAGES

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
    html: list[tuple[str, int]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)  # the headings' words
    words: str = ""  # the prose alone: code left out, and a break in its place
    unlinked: str = ""  # the same without the links' texts


@lru_cache(maxsize=4096)
def structure(text: str) -> Structure:
    """What a Markdown text is made of."""
    found = Structure()
    line = 1
    prose: list[str] = []
    unlinked: list[str] = []
    open_lists: list[tuple[int, int]] = []  # place in `lists`, and items so far
    rows = columns = table_line = 0
    tokens = markdown.parse(text)
    for place, token in enumerate(tokens):
        line = token.map[0] + 1 if token.map else line
        if token.type == "heading_open":
            found.headings.append((token.tag, line))
            found.titles.append(heading_title(tokens, place))
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
    found.html.extend((tag, line) for tag in html_tags(text) or [text.strip()])
    found.links.extend((target, line) for target in re.findall(r"<a\b[^>]*\bhref=[\"']([^\"']+)", text))
    found.images.extend((target, line) for target in re.findall(r"<img\b[^>]*\bsrc=[\"']([^\"']+)", text))


def html_tags(text: str) -> list[str]:
    """The HTML tags and comments of a text, without the words in them."""
    tags = re.findall(r"<!--.*?(?:-->|$)|<[/!?]?[a-zA-Z][^>]*>?", text, re.DOTALL)
    return [re.sub(r"\b(alt|title|aria-label)=([\"']).*?\2", r"\1=…", " ".join(tag.split())) for tag in tags]


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
    yield from _as_bag("HTML tags", ours.html, theirs.html)
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

_Role = Literal["frozen", "code", "prose", "shown"]
"""What a text is by its place: another program's, or of a cell whose texts are not for translators; part of the code,
in which nothing but the language's own code changes; words, if it reads like words; words that a reader is shown."""

_SHOWN_BY = frozenset({"display", "input", "print"})
_SHOWN_AS = frozenset(
    "caption content description help instructions label placeholder prompt system_prompt text title tooltip".split()
)
_PROGRAMS = re.compile(
    r"get_ipython\(\)|(?:os|re|subprocess|warnings)\.|(?:.*\.)?(?:eval|exec|execute_command)$", re.DOTALL
)
_PERCENT = re.compile(r"%(?:\(\w+\))?[-#0 +]*[\d*]*(?:\.[\d*]+)?[a-zA-Z%]")


def code_difference(source: str, translation: str, *, strings: bool, language: str | None = None) -> Difference | None:
    """What a translated code cell changes beyond comments (and, with `strings`, words), or None.

    A text is code, and stays as it is, in a shell line or a magic, as a keyword argument that no reader is shown, as
    a key, and wherever it does not read like words. Where it holds English's code, ``en``, that becomes the language's.
    """
    try:
        ours, theirs = ast.parse(plain_python(source)), ast.parse(plain_python(translation))
    except SyntaxError as error:
        return Difference(f"the translated code is not Python: {error.msg}.", error.lineno or 0)
    languages = [part for code in ([language] if language else LANGUAGES) for part in (code, code.partition("-")[0])]
    return next(
        chain(
            _code_differences(ours, theirs, "prose" if strings else "frozen", languages),
            _form_differences(source, translation, language or ENGLISH),
            _given_differences(source, translation),
            placeholder_differences(source, translation),
        ),
        None,
    )


def _code_differences(
    ours: ast.AST, theirs: ast.AST, role: _Role, languages: list[str], line: int = 0
) -> Iterator[Difference]:
    line = getattr(theirs, "lineno", line)
    if type(ours) is not type(theirs):
        yield _changed(theirs, line)
        return
    if (text := _text(ours)) is not None and (other := _text(theirs)) is not None:
        if ast.dump(ours) != ast.dump(theirs):
            yield from _text_differences(text, other, role, languages, line)
        return
    for name, mine in ast.iter_fields(ours):
        pair = (value if isinstance(value, list) else [value] for value in (mine, getattr(theirs, name)))
        for one, another in zip_longest(*pair):
            if isinstance(one, ast.AST) and isinstance(another, ast.AST):
                yield from _code_differences(one, another, _role(ours, name, role), languages, line)
            elif (type(one), one) != (type(another), another):
                yield _changed(another if isinstance(another, ast.AST) else theirs, line)
    if isinstance(ours, ast.BinOp) and isinstance(theirs, ast.BinOp) and isinstance(ours.op, ast.Mod):
        wanted, given = (_PERCENT.findall(ast.unparse(side)) for side in (ours.left, theirs.left))
        if wanted != given:
            yield Difference(f"the formats of a text differ: {' '.join(given)}; in English {' '.join(wanted)}.", line)


def _changed(theirs: ast.AST, line: int) -> Difference:
    shown = next(iter(ast.unparse(theirs).splitlines()), "")
    return Difference(f"the code differs from the English source: {shown}", getattr(theirs, "lineno", line))


def _role(node: ast.AST, name: str, role: _Role) -> _Role:
    """What a text is in a field of a node that is itself in a role."""
    if role == "frozen":
        return role
    match node, name:
        case ast.Call(func=func), "args":
            called = ast.unparse(func)
            return "frozen" if _PROGRAMS.match(called) else "shown" if called in _SHOWN_BY else "prose"
        case ast.keyword(arg=argument), _:
            return "shown" if argument in _SHOWN_AS else "code"
        case ast.Assert(), "msg":
            return "shown"
        case (ast.Dict(), "keys") | (ast.Subscript(), "slice") | (_, "annotation" | "returns" | "args"):
            return "code"
        case ast.stmt(), _:
            return "prose"
    return role


def _text(node: ast.AST) -> tuple[str, list[str]] | None:
    """A text with its fields as ``{}``, and the fields; None where a node is no text."""
    if isinstance(node, ast.JoinedStr):
        fields = [ast.unparse(part) for part in node.values if isinstance(part, ast.FormattedValue)]
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        return text, sorted(re.sub(r"^f(['\"]+)(.*)\1$", r"\2", one) for one in fields)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, format_fields(node.value)
    return None


def _text_differences(
    ours: tuple[str, list[str]], theirs: tuple[str, list[str]], role: _Role, languages: list[str], line: int
) -> Iterator[Difference]:
    (wanted, wanted_fields), (given, fields) = ours, theirs
    renamed = role != "frozen" and any(re.sub(r"\ben\b", language, wanted) == given for language in languages)
    if role != "shown" and not (role == "prose" and _reads_like_words(wanted)) and not renamed:
        yield Difference(f"the code differs from the English source: {given!r}, and not {wanted!r}.", line)
    if wanted_fields != fields:
        shown = f"{', '.join(fields) or 'none'}; in English {', '.join(wanted_fields) or 'none'}."
        yield Difference(f"the placeholders {{…}} of a text differ: {shown}", line)
    tags = ([(tag, line) for tag in html_tags(text)] for text in (wanted, given))
    yield from _as_bag("HTML tags of a text", *tags)


def _reads_like_words(text: str) -> bool:
    """Whether a text is for people: a word, with a space beside it or the mark that ends a sentence."""
    word = re.search(r"(?<!\S)[^\W\d_]+(?:['’-][^\W\d_]+)*[,.;:!?…]*(?!\S)", text)
    return word is not None and re.search(r"\s|[.!?…]$", text) is not None


def format_fields(text: str) -> list[str]:
    """The fields of a format string, with their conversions and formats; none where it is no such string."""
    try:
        return sorted(
            "{" + name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
            for _, name, spec, conversion in Formatter().parse(text)
            if name is not None
        )
    except ValueError:
        return []  # braces that are no format string's


def _given_differences(source: str, translation: str) -> Iterator[Difference]:
    """What differs in the code that an exercise gives its reader, which stands in comments."""
    ours, theirs = ([line for line in text.splitlines() if GIVEN.match(line)] for text in (source, translation))
    if ours != theirs:
        yield Difference("the code that the reader is given (#~) differs from the English source.")


def _form_differences(source: str, translation: str, language: str) -> Iterator[Difference]:
    """What a form changes: its fields, and beside their words its title and texts, which are Markdown."""
    fields, text = r"^(\w+ = ).*(# @param .*)$", r"^[ \t]*# ?@(title|markdown)\b(.*)"
    if re.findall(fields, source, re.MULTILINE) != re.findall(fields, translation, re.MULTILINE):
        yield Difference("the form fields (# @param …) differ from the English source.")
    ours, theirs = (
        [(found[1], found[2], line) for line, one in enumerate(code.splitlines(), 1) if (found := re.match(text, one))]
        for code in (source, translation)
    )
    if [kind for kind, _, _ in ours] != [kind for kind, _, _ in theirs]:
        yield Difference("the texts of the form (# @title, # @markdown) differ in their number.")
        return
    for (_, wanted, _), (_, given, line) in zip(ours, theirs, strict=True):
        for difference in markdown_differences(wanted.strip(), given.strip(), language):
            yield Difference(difference.text, line)
