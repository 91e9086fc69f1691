"""How far each language is, and what changed in English since it was translated."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator

import polib

from tools.translating import spoken
from tools.translating.catalogs import (
    DIAGRAMS,
    KIT,
    is_current,
    messages,
    read_catalog,
    read_source,
    sources,
    translation_line,
    where,
)
from tools.tutorials import ENGLISH, LANGUAGES

TRANSLATED, FUZZY, MISSING = "translated", "fuzzy", "missing"
PACKAGE = "helpers"


def state(entry: polib.POEntry | None, english: str) -> str:
    """Whether a message is translated, fuzzy (its English has changed since), or missing."""
    if is_current(entry, english):
        return TRANSLATED
    return FUZZY if entry is not None and entry.msgstr.strip() else MISSING


def counts(language: str) -> dict[str, Counter[str]]:
    """How many messages of each tutorial and document, the diagrams, the kit, and the package, are in which state."""
    found: dict[str, Counter[str]] = {name: Counter() for name in [*sources(), DIAGRAMS, KIT, PACKAGE]}
    catalog = read_catalog(language)
    for message in messages():
        part = message.key.partition("/")[0]
        found[part][TRANSLATED if language == ENGLISH else state(catalog.get(message.key), message.english)] += 1
    for (_, text), entry in spoken.translations(language).items():
        found[PACKAGE][TRANSLATED if language == ENGLISH else state(entry, text)] += 1
    return found


def in_words(count: Counter[str]) -> str:
    awaited = [f"{count[word]} {word}" for word in (FUZZY, MISSING) if count[word]]
    """How many messages are in which state, as words."""
    return ", ".join([f"{count[TRANSLATED]} {TRANSLATED}", *awaited])


def table() -> str:
    """Languages × tutorials and documents as text: translated, fuzzy, missing."""
    parts = [*sources(), DIAGRAMS, KIT, PACKAGE]
    rows = [["language", *parts]]
    for language in LANGUAGES:
        found = counts(language)
        rows.append([language, *("source" if language == ENGLISH else in_words(found[part]) for part in parts)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("   ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


# --- what changed -----------------------------------------------------------------------------


def differences(language: str, names: list[str]) -> Iterator[str]:
    """For each fuzzy message, what changed in English since its translation, and that translation."""
    catalog = read_catalog(language)
    code = {f"{name}/{cell.id}" for name in sources() for cell in read_source(name) if cell.cell_type == "code"}
    missing = 0
    for message in messages():
        if message.key.partition("/")[0] not in [*names, DIAGRAMS]:
            continue
        entry = catalog.get(message.key)
        found = state(entry, message.english)
        missing += found == MISSING
        if found != FUZZY or entry is None:
            continue
        place = f"{where(language, message.key)} (locales/{language}.po:{translation_line(language, entry)})"
        yield _shown(place, entry, message.english, _line_difference if message.key in code else _word_difference)
    for (_, text), entry in spoken.translations(language).items():
        found = state(entry, text)
        place = f"{language}, what the package says (helpers/_localization/locales/{language}.po): {found}"
        if found == FUZZY and entry is not None:
            yield _shown(place, entry, text, _word_difference)
        elif found == MISSING:
            yield f"{place}\n\n{text}\n"
    if missing:
        yield f"{language}: {missing} not translated at all; python -m tools check names them.\n"


def _shown(place: str, entry: polib.POEntry, english: str, difference: Callable[[str, str], str]) -> str:
    old = (entry.fuzzy and entry.previous_msgid) or entry.msgid
    by_hand = "The English is the same; the entry was marked fuzzy by hand:\n" if old == english else ""
    change = by_hand + difference(old, english).rstrip()
    return f"{place}\n\nEnglish:\n{change}\n\nPresent translation:\n{entry.msgstr}\n"


def _line_difference(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "then", "now", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _word_difference(old: str, new: str) -> str:
    """Prose with what is gone as [-…-] and what is new as {+…+}; where lines break does not count."""
    before, after = (_pieces(text) for text in (old, new))
    shown, gone, come = "", "", ""
    for kind, start, end, first, last in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        ours, theirs = "".join(before[start:end]), "".join(after[first:last])
        if kind == "equal" and (theirs.strip(" ") or not (gone or come)):
            shown += _change(gone, come) + theirs
            gone = come = ""
        else:  # a change, or no more than the space between two
            gone, come = gone + ours, come + theirs
    return shown + _change(gone, come)


def _change(gone: str, come: str) -> str:
    if gone.endswith(" ") and come.endswith(" "):
        return _change(gone[:-1], come[:-1]) + " "
    return (f"[-{gone}-]" if gone else "") + (f"{{+{come}+}}" if come else "")


def _pieces(text: str) -> list[str]:
    unwrapped = re.sub(r"(?<=\S)\n(?=[^\s|#*-])", " ", text)
    return re.findall(r"\n+|[ ]+|[^\s]+", unwrapped)
