"""Reading a translator's files as strictly as gettext does: what an editor or a merge broke is named by its line."""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

import polib

from tools.project import root

_STRING = r'"(?:[^"\\]|\\[\\"ntrvbf])*"'
_LINE = re.compile(rf"(?:#~ |#\| |#~\| )?(?:(?:msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?)\s+)?{_STRING}")
_CONFLICT = re.compile(r"(?:<{7}|={7}|>{7}|\|{7})(?: |$)")


class CatalogError(Exception):
    """A file of a translator's that cannot be read.

    Attributes:
        path, line: Where it is broken.
        text: How, and what to do.
    """

    def __init__(self, path: Path, line: int, text: str) -> None:
        self.path, self.line, self.text = path, line, text
        super().__init__(f"{path.relative_to(root()).as_posix()}:{line}: {text}")


def read_text(path: Path) -> str:
    """A file's text; a byte order mark and the line ends of Windows are forgiven.

    Raises:
        CatalogError: It is not UTF-8, or was left in the middle of a merge.
    """
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CatalogError(path, line, "not UTF-8; save the file as that, or take it from Git again.") from None
    for number, line_ in enumerate(text.split("\n"), start=1):
        if _CONFLICT.match(line_):
            raise CatalogError(path, number, "a conflict mark of Git's; choose a version and remove the marks.")
    return text


def read(path: Path) -> polib.POFile:
    """A catalog.

    Raises:
        CatalogError: It is broken.
    """
    text = read_text(path)
    for number, line in enumerate(text.split("\n"), start=1):
        if not _is_line(line.strip()):
            reason = "not a line of a catalog; is a quotation mark lost, or a strange sign in it?"
            raise CatalogError(path, number, reason)
    try:
        catalog = polib.pofile(text, wrapwidth=0)
    except OSError as error:
        found = re.search(r"\(line (\d+)\)", str(error))
        reason = "out of its place; an entry is msgctxt, msgid and msgstr, one after the other."
        raise CatalogError(path, int(found[1]) if found else 1, reason) from None
    first = {"": 1}  # the header
    for entry in catalog:
        if not entry.obsolete:
            key = entry.msgctxt or entry.msgid
            if key in first:
                raise CatalogError(path, entry.linenum, f"an entry that is on line {first[key]} already; keep one.")
            first[key] = entry.linenum
    return catalog


def untidy(path: Path) -> Iterator[tuple[int, str]]:
    """What editors leave in a file that can be read all the same: the line, and what."""
    data = path.read_bytes()
    if data.startswith(BOM_UTF8):
        yield 1, "the file begins with a byte order mark; run python -m tools extract."
    if b"\r\n" in data:
        line = data.count(b"\n", 0, data.index(b"\r\n")) + 1
        yield line, "lines end as on Windows (CRLF); run python -m tools extract."


def _is_line(line: str) -> bool:
    if line.startswith("#") and not line.startswith(("#~ ", "#| ", "#~| ")):
        # A heading in Markdown that lost its first quotation mark looks like a comment.
        return not (line.endswith('"') and len(re.findall(r'(?<!\\)"', line)) % 2)
    return not line or (_LINE.fullmatch(line) is not None and len(line.splitlines()) == 1)
