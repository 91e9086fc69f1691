"""What of a lesson is on its slides: the headings, a sentence each, the pictures, tables and the core of the code."""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import nbformat
from markupsafe import Markup
from nbformat import NotebookNode

from helpers._localization.formats import width
from tools.site.addresses import Links
from tools.site.headings import heading_title, markdown
from tools.site.pictures import Page
from tools.site.prose import Prose, attached, code, made
from tools.tutorials import LANGUAGES, lessons, notebook_path

LINES = 12
"""How many lines of code a slide has at most."""

# What every lesson starts with, which teaches nothing: the kit's installation, and the form.
_PREPARING = ("links", "install", "form")
# Such a cell is in English, and above it stands a line that says so.
_AWAITING = "awaiting-translation"
# What only IPython takes: `!pip` and `%pip`.
_MAGIC = re.compile(r"^(\s*)[!%].*$", re.MULTILINE)
_CHECK = re.compile(r"^with exercise\(", re.MULTILINE)
# Columns of text: beside code or a picture, and alone.
_BESIDE, _ALONE = 60, 240
# What may hold a full stop that ends no sentence: code, a link, a tag.
_OPAQUE = re.compile(r"`[^`]*`|\[[^\]]*\]\([^)]*\)|<[^>]*>")
_END = re.compile(r"""[.!?…]+[)\]»”"’*_]*(?=\s|$)|[。！？]+[)）」』”*_]*""")
_WORD = re.compile(r"\w+")
_NOTHING = Markup()
_NAME = re.compile(r"`(\w+)`")
_PICTURE = re.compile(r"^(<img\b|<picture\b|!\[)")


@dataclass(frozen=True)
class Slide:
    """One slide. All of it is HTML.

    Attributes:
        level: The level of its heading: 1 for the title, 2 for a section, 3 for what is below one.
        heading: Its heading.
        words: What stands below that.
        figure: A picture or a table.
        code: A block of code.
        columns: How long its longest line is.
        notes: What the teacher's view shows beside it.
        english: Whether it is in English in this language too.
    """

    level: int
    heading: Markup
    words: Markup = _NOTHING
    figure: Markup = _NOTHING
    code: Markup = _NOTHING
    columns: int = 0
    notes: Markup = _NOTHING
    english: bool = False


@dataclass(frozen=True)
class Deck:
    """A lesson's slides.

    Attributes:
        title: The lesson's title.
        stacks: The slides: side by side, and in each place one below the other.
    """

    title: str
    stacks: Sequence[Sequence[Slide]]


@dataclass
class _Section:
    """A heading, and what stands below it up to the next one.

    Attributes:
        level: The heading's level.
        title: Its words.
        heading: Its Markdown.
        blocks: The paragraphs, lists and so on, with their kinds, as Markdown.
        attachments: What the cells have attached.
        code: The code cells.
        named: The names that the text above the first of them speaks of.
        english: Whether it awaits translation.
    """

    level: int
    title: str
    heading: str
    blocks: list[tuple[str, str]] = field(default_factory=list)
    attachments: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    code: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    english: bool = False

    @property
    def is_exercise(self) -> bool:
        return any(_CHECK.search(one) for one in self.code)


def deck(language: str, lesson: str) -> Deck:
    """A lesson's slides in a language, with its exercises before the last one.

    Args:
        language: The language.
        lesson: The lesson's name.
    """
    title, *sections = _sections(nbformat.read(notebook_path(language, lesson), as_version=4))
    maker = _Maker(language, lesson)
    stacks = [[maker.title(title)]]
    for place, section in enumerate(sections):
        if section.level == 2:
            stacks.append([])
        stacks[-1] += maker.section(section, list(_below(sections, place)), last=place == len(sections) - 1)
    exercises = notebook_path(language, f"{lesson}_exercises")
    if exercises.exists():
        cover, *others = _sections(nbformat.read(exercises, as_version=4))
        tasks = [one for one in others if one.is_exercise]
        maker = _Maker(language, exercises.stem)
        stacks.insert(-1, [maker.cover(cover, tasks), *map(maker.exercise, tasks)])
    return Deck(title.title, stacks)


def _below(sections: Sequence[_Section], place: int) -> Iterator[_Section]:
    """The subsections of the section at a place."""
    if sections[place].level > 2:
        return
    for section in sections[place + 1 :]:
        if section.level == 2:
            return
        yield section


class _Maker:
    """Makes the slides of one notebook.

    Args:
        language: The notebook's language.
        name: Its name.
    """

    def __init__(self, language: str, name: str) -> None:
        # Slides lead to those of other lessons, which lie beside them; what has none is on GitHub.
        pages = {f"notebooks/{one}/{other}.ipynb": f"{one}/{other}.html" for one in LANGUAGES for other in lessons()}
        self._links = Links(f"notebooks/{language}/{name}.ipynb", pages, Page())

    def title(self, section: _Section) -> Slide:
        """The lesson's title with its first picture."""
        first = self._figure(section, pictures_only=True)
        return Slide(
            1, self._heading(section), self._words(section), first, notes=self._notes(section), english=section.english
        )

    def cover(self, section: _Section, tasks: Iterable[_Section]) -> Slide:
        """What introduces the exercises, with their headings."""
        words = self._words(section) + self._overview(tasks)
        return Slide(2, self._heading(section, 2), words, notes=self._notes(section), english=section.english)

    def section(self, section: _Section, below: Iterable[_Section], *, last: bool) -> Iterator[Slide]:
        """A section: a slide, and one more for the code where there is a picture or a table too."""
        heading, notes = self._heading(section), self._notes(section)
        figure = self._figure(section)
        cells = sorted(section.code, key=lambda one: not _speaks_of(one, section.named))
        source = next((found for one in cells if (found := core(one, section.named))), "")
        block = code(source, "python") if source else _NOTHING
        wide = max(map(width, source.split("\n")))
        words = self._words(section, _BESIDE if figure or block else _ALONE)
        if not words:
            words = self._overview(below) or self._lists(section)
        if last:
            words = self._html(section, [one for _, one in section.blocks])
        if figure and block:
            yield Slide(section.level, heading, words, figure, notes=notes, english=section.english)
            yield Slide(section.level, heading, code=block, columns=wide, notes=notes, english=section.english)
        else:
            yield Slide(section.level, heading, words, figure, block, wide, notes, section.english)

    def exercise(self, section: _Section) -> Slide:
        """An exercise: its heading and its task. The notes have the hint and the solution."""
        folded = next((at for at, (_, one) in enumerate(section.blocks) if one.startswith("<details")), None)
        task = [one for _, one in section.blocks[:folded]]
        answers = [one for _, one in section.blocks[folded:]] if folded is not None else []
        notes = str(self._html(section, answers)).replace("<details>", "<details open>")
        return Slide(
            3, self._heading(section, 3), self._html(section, task), notes=made(notes), english=section.english
        )

    def _html(self, section: _Section, blocks: Sequence[str]) -> Markup:
        """Markdown as HTML."""
        return Prose(self._links).markdown("\n\n".join(blocks), section.attachments)

    def _heading(self, section: _Section, level: int | None = None) -> Markup:
        inline = markdown.renderInline(section.heading)
        return Markup("<h{0}>{1}</h{0}>").format(level or section.level, made(inline))

    def _overview(self, below: Iterable[_Section]) -> Markup:
        """What comes in the slides below."""
        rows = [Markup("<li>{}</li>").format(made(markdown.renderInline(one.heading))) for one in below]
        return Markup('<ul class="overview">{}</ul>').format(Markup("").join(rows)) if rows else _NOTHING

    def _words(self, section: _Section, enough: int = _BESIDE) -> Markup:
        """The first sentences of a section."""
        text = next((one for kind, one in section.blocks if kind == "paragraph" and not _PICTURE.match(one)), "")
        return self._html(section, [beginning(text, enough)]) if text else _NOTHING

    def _lists(self, section: _Section) -> Markup:
        """The first list of a section."""
        return self._html(section, [one for kind, one in section.blocks if kind.endswith("_list")][:1])

    def _figure(self, section: _Section, *, pictures_only: bool = False) -> Markup:
        """The first picture of a section, else its first table."""
        pictures = [one for _, one in section.blocks if _PICTURE.match(one)]
        tables = [one for kind, one in section.blocks if kind == "table" and not pictures_only]
        return self._html(section, (pictures or tables)[:1])

    def _notes(self, section: _Section) -> Markup:
        """The whole text of a section. Pictures are on the slide."""
        return self._html(section, [one for _, one in section.blocks if not _PICTURE.match(one)])


def _sections(notebook: NotebookNode) -> list[_Section]:
    """A notebook by its headings, the title first."""
    found: list[_Section] = []
    for cell in notebook.cells:
        if cell.get("id") in _PREPARING:
            continue
        if cell.cell_type == "code":
            found[-1].code.append(cell.source)
            continue
        english = _AWAITING in cell.metadata.get("tags", ())
        text = cell.source.partition("\n\n")[2] if english else cell.source
        tokens, lines = markdown.parse(text), text.split("\n")
        for place, token in enumerate(tokens):
            if token.level or token.nesting < 0 or not token.map:
                continue
            source = "\n".join(lines[token.map[0] : token.map[1]]).strip()
            if token.type == "heading_open":
                level = int(token.tag[1])
                found.append(_Section(level, heading_title(tokens, place), tokens[place + 1].content, english=english))
            else:
                found[-1].blocks.append((token.type.removesuffix("_open"), source))
                found[-1].named.update([] if found[-1].code else _NAME.findall(source))
        found[-1].attachments |= attached(cell.get("attachments", {}))
    return found


def beginning(text: str, enough: int) -> str:
    """The first sentences of a Markdown paragraph.

    Args:
        text: The paragraph.
        enough: From how many columns on no further sentence is necessary.
    """
    plain = _OPAQUE.sub(lambda found: "x" * len(found[0]), text)
    for end in _END.finditer(plain):
        # In emphasis, a sentence would lose the end of it.
        is_whole = not any(plain[: end.end()].count(mark) % 2 for mark in ("**", "*"))
        if is_whole and width(text[: end.end()]) >= enough:
            return text[: end.end()]
    return text


def core(source: str, named: Collection[str] = ()) -> str:
    """What a slide shows of a cell: about `LINES` lines at most. Empty where a cell only checks something.

    Args:
        source: The cell.
        named: The names that the text speaks of. Of a long cell, what has them is shown first.
    """
    lines = source.split("\n")
    parts: list[_Part] = []
    begin = 0
    for statement in ast.parse(_MAGIC.sub(r"\1pass", source)).body:
        end = statement.end_lineno or begin
        if not isinstance(statement, ast.Assert):
            parts.append(_Part(statement, lines[begin:end]))
        begin = end
    if _length(parts) > LINES:
        parts = [part for part in parts if not part.prepares]
    chosen: dict[int, Sequence[str]] = {}
    left = LINES
    for at in sorted(range(len(parts)), key=lambda at: not _speaks_of("\n".join(parts[at].lines), named)):
        whole = parts[at].lines
        if len(whole) <= left:
            chosen[at] = whole
        elif left >= LINES // 2 and hasattr(parts[at].statement, "body"):
            chosen[at] = [*whole[: left - 1], "…"]
        left -= len(chosen.get(at, ()))
    if parts and not chosen:
        chosen[0] = [*parts[0].lines[: LINES - 1], "…"]
    shown: list[str] = []
    for at in range(len(parts)):
        shown += chosen.get(at, ["…"] if shown[-1:] != ["…"] else [])
    return "\n".join(shown).strip("\n")


@dataclass(frozen=True)
class _Part:
    """A statement of a cell, with the comments above it."""

    statement: ast.stmt
    lines: Sequence[str]

    @property
    def prepares(self) -> bool:
        """Whether it only imports something, or has warnings not shown."""
        match self.statement:
            case ast.Import() | ast.ImportFrom():
                return True
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="warnings")))):
                return True
        return False


def _length(parts: Iterable[_Part]) -> int:
    return sum(len(part.lines) for part in parts)


def _speaks_of(source: str, named: Collection[str]) -> bool:
    """Whether one of these names stands in some code."""
    return any(word in named for word in _WORD.findall(source))
