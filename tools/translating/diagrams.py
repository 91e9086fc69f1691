"""The lessons' diagrams: SVG by hand, with labels that are translated and broken into lines."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from xml.etree import ElementTree

from tools.translating import po
from tools.tutorials import diagram_path

_SVG = "http://www.w3.org/2000/svg"
_NAME, _WIDTH = "data-label", "data-width"
_LINE = 1.3  # em, from one line to the next
_MIDDLE = 0.35  # em, from a line's middle down to its baseline
_BOLD = 1.09  # as wide as a letter of the usual weight
# Where a line may end: at a space, and in Chinese and Japanese before a sign. A word in katakana is not torn, what
# stands in hiragana stays with the word before it, and a mark with what it closes or opens.
_CLOSE, _OPEN = "、。，．：；！？）」』】》”％", "（「『【《“"
_WORD = rf"[゠-ヿ]+|[一-鿿]{{1,4}}(?=[぀-ゟ])|[一-鿿]|[^\s{_OPEN}{_CLOSE}぀-ヿ一-鿿]+"
_PIECE = re.compile(rf"\s+|(?=.)[{_OPEN}]*(?:{_WORD})?[぀-ゟ]{{0,6}}[{_CLOSE}]*")

ElementTree.register_namespace("", _SVG)


def labels(name: str) -> dict[str, str]:
    """A diagram's English labels by their names; one that stands in several places is one label."""
    return {text.get(_NAME, ""): _words(text) for text in _labelled(_parsed(name))}


def label_line(name: str, label: str) -> int:
    """The line of the diagram's source at which a label stands first."""
    lines = po.read_text(diagram_path(name)).split("\n")
    return next((number for number, line in enumerate(lines, start=1) if f'{_NAME}="{label}"' in line), 1)


def size(name: str) -> tuple[int, int]:
    """How wide and how high a picture is where there is room for it, in CSS pixels."""
    svg = _parsed(name)
    return int(svg.get("width", "")), int(svg.get("height", ""))


def drawn(name: str, say: Callable[[str, str], str]) -> str:
    """A diagram as one SVG file, the same bytes for the same words.

    Args:
        name: Of the diagram.
        say: What a label says in the picture's language, given its name and the English text.
    """
    svg = _parsed(name)
    style = ElementTree.Element(f"{{{_SVG}}}style")
    style.text = re.sub(r"\s*([{};:,])\s*", r"\1", re.sub(r"/\*.*?\*/\s*", "", _style(), flags=re.DOTALL)).strip()
    svg.insert(1, style)
    for text in _labelled(svg):
        text.text = say(text.get(_NAME, ""), _words(text))
        del text.attrib[_NAME]
    ElementTree.indent(svg, "")
    for text in svg.iter(f"{{{_SVG}}}text"):
        _set_in_lines(text)
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


@lru_cache(maxsize=1024)
def lines(text: str, width: float, em: float) -> tuple[str, ...]:
    """A label in as few lines as fit, all of them about as long.

    Args:
        text: The label.
        width: What a line may take, in the diagram's own units.
        em: The size of the letters, in the same.
    """
    broken = _broken(text, width / em)
    narrower = width
    while len(once_more := _broken(text, (narrower := narrower - 2) / em)) == len(broken) and narrower > em:
        if max(map(_length, once_more)) > narrower / em:
            break
        broken = once_more
    return tuple(broken)


def _broken(text: str, width: float) -> list[str]:
    found, line = [], ""
    for piece in _PIECE.findall(text):
        if line and _length(line + piece.rstrip()) > width:
            found.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*found, line.rstrip()]


def _length(text: str) -> float:
    """How long a text is about, in em: fonts differ, so rather too long."""
    return sum(map(_advance, text))


@lru_cache(maxsize=4096)
def _advance(sign: str) -> float:
    if unicodedata.east_asian_width(sign) in "WF":
        return 1.0
    if sign in "mwMW—…%@":
        return 0.9
    if sign in " iljtfrI.,:;'’!|()[]-":
        return 0.36
    return 0.7 if sign.isupper() else 0.58


def _set_in_lines(text: ElementTree.Element) -> None:
    """Break a text into lines around its y."""
    em, x, y = float(text.get("font-size", "")), text.get("x", ""), float(text.get("y", ""))
    width = float(text.attrib.pop(_WIDTH, "inf"))
    bold = _BOLD if "head" in text.get("class", "") else 1
    broken = lines(_words(text), width, em * bold) if width < float("inf") else (_words(text),)
    first = y + em * (_MIDDLE - _LINE * (len(broken) - 1) / 2)
    if len(broken) == 1:
        text.set("y", f"{first:.1f}")
        return
    del text.attrib["x"], text.attrib["y"]
    text.text = None
    for number, line in enumerate(broken):
        row = ElementTree.SubElement(text, f"{{{_SVG}}}tspan", x=x, y=f"{first + number * em * _LINE:.1f}")
        row.text = line


def _labelled(svg: ElementTree.Element) -> Iterator[ElementTree.Element]:
    return (element for element in svg.iter() if _NAME in element.attrib)


def _words(element: ElementTree.Element) -> str:
    return " ".join((element.text or "").split())


def _parsed(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(po.read_text(diagram_path(name)))  # noqa: S314  # a file of this repository


def _style() -> str:
    return po.read_text(diagram_path("style").with_suffix(".css"))
