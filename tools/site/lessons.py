"""Executed notebooks as pages."""

import re
from pathlib import Path
from typing import Any

import nbformat
from markupsafe import Markup
from nbformat import NotebookNode

from tools.site.addresses import Links
from tools.site.pictures import KINDS
from tools.site.prose import Body, Prose, attached, code, content_of, made
from tools.tutorials import LANGUAGES, tutorials

# The line of links to sister languages and platforms: a page has both in its frame.
_LINKS = "links"
_ANSI = re.compile(r"\x1b\[[\d;]*[A-Za-z]")


def pages() -> dict[str, str]:
    """The page of each committed notebook, by the notebook's path in the repository."""
    return {
        f"notebooks/{language}/{tutorial}.ipynb": f"{language}/{tutorial}.html"
        for language in LANGUAGES
        for tutorial in tutorials()
    }


def title(path: Path) -> str:
    """The title of a committed notebook, or its name where it has none."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError):  # no notebook
        return path.stem
    heading = next((found for cell in cells[:1] if (found := re.search(r"^# (.+)$", cell.source, re.MULTILINE))), None)
    return heading[1] if heading else path.stem


def body(notebook: NotebookNode, links: Links, output: str) -> Body:
    """A notebook with its outputs as what stands in the frame of a page.

    Args:
        notebook: The notebook.
        links: Where its links lead to.
        output: What a screen reader calls an output.
    """
    prose = Prose(links)
    cells = [_cell(cell, prose, output) for cell in notebook.cells if cell.get("id") != _LINKS]
    return Body(prose.title, prose.summary, Markup("").join(cells), prose.sections)


def _cell(cell: NotebookNode, prose: Prose, output: str) -> Markup:
    place = Markup(' id="cell-{}"').format(cell.id) if "id" in cell else ""
    if cell.cell_type != "code":
        html = prose.markdown(cell.source, attached(cell.get("attachments", {})))
        return Markup('<div class="cell"{}>\n{}</div>\n').format(place, html)
    prose.say(cell.source)
    parts = [code(cell.source, "python")] if cell.source.strip() else []
    if outputs := [shown for one in cell.outputs if (shown := _output(one, prose))]:
        label = Markup('<div class="output" role="group" aria-label="{}">\n{}</div>\n')
        parts.append(label.format(output, Markup("").join(outputs)))
    number = cell.get("execution_count") or ""
    return Markup('<div class="cell code"{} data-number="{}">\n{}</div>\n').format(
        place, number, Markup("").join(parts)
    )


def _output(output: NotebookNode, prose: Prose) -> Markup:
    """One output: the richest form of it that needs no kernel."""
    if output.output_type == "stream":
        return _text(output.text, prose, output.name)
    if output.output_type == "error":
        return _text("\n".join(output.traceback), prose, "stderr")
    data: dict[str, Any] = output.data
    if "text/html" in data:
        return made(f'<div class="wide">{_joined(data["text/html"])}</div>\n')
    if "text/markdown" in data:
        return prose.markdown(_joined(data["text/markdown"]))
    for suffix, kind in KINDS.items():
        if kind in data:
            kept = prose.links.pictures.keep(f"output{suffix}", content_of(kind, data[kind]))
            return made(f"<p>{kept.element(_joined(data.get('text/plain', '')))}</p>\n")
    return _text(_joined(data.get("text/plain", "")), prose, "result")


def _text(text: str, prose: Prose, kind: str) -> Markup:
    text = _ANSI.sub("", text).rstrip("\n")
    if not text:
        return Markup("")
    prose.say(text)
    return Markup('<pre class="{}"><samp>{}\n</samp></pre>\n').format(kind, text)


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
