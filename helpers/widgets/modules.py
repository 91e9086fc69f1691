"""The widgets' own JavaScript: plain modules in ``static/``, joined to the one text that a page takes."""

import json
import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).with_name("static")
_SAID = re.compile(r'\bsay\(\s*("(?:[^"\\]|\\.)+")')
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_VENDORED = re.compile(r'^import (\{[^}]*\}) from "\./vendor/([\w.]+)";\n', re.MULTILINE)


@cache
def joined(name: str) -> str:
    """A module with all that it imports, in one text; the stylesheet is in it.

    The modules of ``static/`` import from each other by name only, and no two declare the same name at their top.

    Args:
        name: The module's, without ``.js``.
    """
    style = json.dumps((STATIC / "house.css").read_text(encoding="utf-8"), ensure_ascii=False)
    parts = [f"const HOUSE_CSS = {style};\n"]
    for one in order(name):
        text = _IMPORT.sub("", (STATIC / f"{one}.js").read_text(encoding="utf-8"))
        text = _VENDORED.sub(lambda found: f"const {found[1]} = {_enclosed(found[2])};\n", text)
        parts.append(text if one == name else re.sub(r"^export ", "", text, flags=re.MULTILINE))
    return "".join(parts)


def _enclosed(file: str) -> str:
    """A vendored module as an expression, whose names are its own. Nothing in it ends the script that it stands in."""
    text = (STATIC / "vendor" / file).read_text(encoding="utf-8")
    text = re.sub(r"<(?=!--|/?script)", r"\\x3c", text)
    text = re.sub(r"\bexport(?=\{.*?\};)", "return", text)
    text = re.sub(r"\b(\w+) as (\w+)\b(?=[^;]*\};)", r"\2:\1", text)
    return f"(() => {{\n{text}}})()"


def order(name: str) -> list[str]:
    """A module and those that it imports, each behind what it needs itself.

    Args:
        name: The module's, without ``.js``.
    """
    needed = _IMPORT.findall((STATIC / f"{name}.js").read_text(encoding="utf-8"))
    return list(dict.fromkeys([*(one for other in needed for one in order(other)), name]))


def texts(javascript: str) -> list[str]:
    """The English texts that a module says, each a string in a call of ``say``.

    Args:
        javascript: The module's text.
    """
    return [json.loads(found) for found in dict.fromkeys(_SAID.findall(javascript))]
