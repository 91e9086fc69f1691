"""The lessons' copies that run in a page."""

import hashlib
import re

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, writes

from tools.site.lite.phrases import IN_PAGE, NO_PROCESS
from tools.site.phrases import translated
from tools.tutorials import tutorials

# What starts servers of its own, over gRPC and as processes.
_NOT_IN_PAGE = ("02_memorystore", "02_memorystore_exercises")
_LINKS = "links"
# A picture that hosted platforms fetch, and whose own copy stands behind it.
_PICTURE = re.compile(r'src="https?://[^"]*" style="background: url\((data:image/[^)]+)\)[^"]*"')
_PROCESS = re.compile(r"\bsubprocess\.\w+\(")


def in_page() -> list[str]:
    """The lessons that run in a page."""
    return [name for name in tutorials() if name not in _NOT_IN_PAGE]


def copy_of(notebook: NotebookNode, language: str) -> NotebookNode:
    """A committed notebook's copy for a page, with the same cells and outputs.

    The badges give way to what is different in a page, so nothing waits for another host; and a cell that starts a
    process is shown and not run. Its metadata has a version, which any change of the notebook changes.
    """
    made: NotebookNode = notebook.copy()
    made.cells = [_cell(cell, language) for cell in notebook.cells]
    made.metadata = NotebookNode(
        kernelspec=NotebookNode(display_name="Python (Pyodide)", language="python", name="python"),
        language_info=NotebookNode(name="python"),
    )
    made.metadata["kit"] = NotebookNode(version=hashlib.sha256(writes(made).encode()).hexdigest()[:16])
    return made


def _cell(cell: NotebookNode, language: str) -> NotebookNode:
    if cell.id == _LINKS:
        sisters = cell.source.partition("\n\n")[0]
        return _prose(f"{sisters}\n\n> {translated(language, IN_PAGE)}", cell.id)
    if cell.cell_type == "code" and _PROCESS.search(cell.source):
        printed = "".join(output.get("text", "") for output in cell.outputs)
        code = f"```python\n{cell.source}\n```"
        return _prose(f"> {translated(language, NO_PROCESS)}\n\n```text\n{printed}```\n\n{code}", cell.id)
    if cell.cell_type == "markdown" and _PICTURE.search(cell.source):
        return _prose(_PICTURE.sub(r'src="\1"', cell.source), cell.id)
    return cell


def _prose(text: str, its_id: str) -> NotebookNode:
    made: NotebookNode = new_markdown_cell(text, id=its_id)
    return made
