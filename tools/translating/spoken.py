"""The catalogs of what `helpers` and the site's pages say: texts marked with `say` and `words`, and the offline model's
languages.
"""

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import polib

from helpers._models.phrasebook import CONTEXT, QUESTIONS, Language, expression
from helpers.widgets import modules
from tools.project import root
from tools.translating import po
from tools.translating.structure import format_fields, html_tags
from tools.tutorials import ENGLISH

AWAITING = "awaiting translation: "
_PHRASES = ("introduces", *QUESTIONS)
_LISTS = ("names", "not_names")
_ALIKE = 0.6  # from nothing alike to the same
_NO_REPETITION = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")  # what is escaped, and sets of characters


def texts() -> dict[tuple[str, str], str]:
    """Every English text by context and text, with the files that it is said in: Python, and the widgets' modules."""
    found: dict[tuple[str, str], list[str]] = {}
    for path, call in _calls():
        if isinstance(call.args[0], ast.Constant):
            found.setdefault(("", str(call.args[0].value)), []).append(path.relative_to(root()).as_posix())
    for path in sorted((root() / "helpers" / "widgets" / "static").glob("*.js")):
        for text in modules.texts(path.read_text(encoding="utf-8")):
            found.setdefault(("", text), []).append(path.relative_to(root()).as_posix())
    for field in fields(Language):
        found[(CONTEXT + field.name, str(field.default))] = ["helpers/_models/phrasebook.py"]
    return {key: " ".join(dict.fromkeys(places)) for key, places in found.items()}


def composed() -> Iterator[tuple[Path, int]]:
    """Where a text is said that is put together at run time: no catalog can hold it."""
    for path, call in _calls():
        if not isinstance(call.args[0], ast.Constant) and (
            ast.unparse(call.func).endswith("words")
            or any(isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)) for node in ast.walk(call.args[0]))
        ):
            yield path, call.lineno


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    """Every call of `say` and `words` in the package, and in what makes the site."""
    for path in sorted([*(root() / "helpers").rglob("*.py"), *(root() / "tools" / "site").rglob("*.py")]):
        for call in _calls_in(path.read_text(encoding="utf-8")):
            yield path, call


@lru_cache(maxsize=1024)
def _calls_in(source: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and node.args and re.fullmatch(r"(.*\.)?(say|words)", ast.unparse(node.func))
    ]


def path_of(language: str) -> Path:
    """Where a language's catalog lies."""
    return root() / "helpers" / "_localization" / "locales" / f"{language}.po"


def _entries(language: str) -> dict[tuple[str, str], polib.POEntry]:
    path = path_of(language)
    if not path.exists():
        return {}
    return {(entry.msgctxt or "", entry.msgid): entry for entry in po.read(path)}


def extract(language: str) -> None:
    """Bring a catalog up to date; the translation of a text that has changed stays, marked fuzzy."""
    path_of(language).parent.mkdir(exist_ok=True)
    updated(language).save(str(path_of(language)))


def updated(language: str) -> polib.POFile:
    """A language's catalog as it should be, with the translations that there are."""
    known, wanted = _entries(language), texts()
    gone = {key: entry for key, entry in known.items() if key not in wanted and entry.msgstr}
    catalog = polib.POFile(wrapwidth=0)
    catalog.metadata = {
        "Project-Id-Version": "chat-history-tutorials",
        "Language": language.replace("-", "_"),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
    }
    for (context, text), places in wanted.items():
        entry = polib.POEntry(msgctxt=context or None, msgid=text, comment=places)
        if old := known.get((context, text)) or _changed(gone, context, text):
            entry.msgstr, entry.flags, entry.tcomment = old.msgstr, old.flags, old.tcomment
            if old.fuzzy:
                entry.previous_msgid = old.previous_msgid
            if old.msgid != text:
                # Of several changes since the translation, the first English text is the one it is made from.
                entry.previous_msgid = entry.previous_msgid or old.msgid
                entry.flags = ["fuzzy"]
        catalog.append(entry)
    return catalog


def _changed(gone: dict[tuple[str, str], polib.POEntry], context: str, text: str) -> polib.POEntry | None:
    """What a text was before it was changed: that of the same context, else, as for gettext, the one most like it."""
    before = [old for known, old in gone if known == context]
    alike = before if context else difflib.get_close_matches(text, before, n=1, cutoff=_ALIKE)
    return gone[context, alike[0]] if alike else None


def problems(language: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a language's catalog: the text that it is about, and what.

    What begins with `AWAITING` is no more than a translation that has still to be made.
    """
    if language == ENGLISH:
        return
    known, wanted = _entries(language), texts()
    for key in wanted:
        entry = known.get(key)
        if entry is None:
            yield key[1], "missing from the catalog; run python -m tools extract."
        elif not entry.msgstr:
            yield key[1], AWAITING + "not translated."
        elif entry.fuzzy:
            yield key[1], AWAITING + "marked fuzzy."
        elif key[0].startswith(CONTEXT):
            if trouble := _pattern_trouble(key[0].removeprefix(CONTEXT), entry.msgstr):
                yield key[0], trouble
        elif format_fields(key[1]) != format_fields(entry.msgstr):
            yield key[1], "the placeholders differ from the English text."
        elif html_tags(key[1]) != html_tags(entry.msgstr):
            yield key[1], "the HTML tags differ from the English text."
    for key in known.keys() - wanted.keys():
        yield key[1], "obsolete: nothing says this any more."
    if known and path_of(language).read_text(encoding="utf-8") != str(updated(language)):
        yield "-", "the file is not as python -m tools extract leaves it."


def translations(language: str) -> dict[tuple[str, str], polib.POEntry | None]:
    """The entry of each text, by context and text, where the catalog has one."""
    known = _entries(language)
    return {key: known.get(key) for key in texts()}


def _pattern_trouble(field: str, value: str) -> str | None:
    if field in _PHRASES:
        patterns = list(map(expression, value.splitlines()))
    elif field in _LISTS:
        patterns = value.split()
    elif field == "signs":
        patterns = [value]
    else:
        differ = format_fields(str(getattr(Language, field))) != format_fields(value)
        return "the placeholders differ from the English text." if differ else None
    for pattern in patterns:
        try:
            names = re.compile(pattern).groups
        except re.error as error:
            return f"no regular expression: {error}."
        if field in _PHRASES and names != (wanted := int(field == "introduces")):
            return f"a phrase has {names} names, not {wanted}."
        if unbounded := re.search(r".?(?:[*+]|\{\d*,\})", _NO_REPETITION.sub("…", pattern)):
            return f"a repetition without a bound, {unbounded[0]}: on a long text it takes for ever. Write {{0,60}}."
    return None
