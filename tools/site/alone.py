"""Pages that stand alone: one file each, for a room without a network."""

from nbformat import NotebookNode

from tools.site import lessons
from tools.site.addresses import Links
from tools.site.frame import Entry, Place, page
from tools.site.opening import ways
from tools.site.phrases import phrases
from tools.site.pictures import Page
from tools.tutorials import notebook_path, tutorials


def lesson_page(notebook: NotebookNode, language: str, tutorial: str) -> str:
    """An executed notebook as one file. It leads to its sisters, which may lie beside it.

    Args:
        notebook: The notebook, without what only a kernel can show.
        language: Its language.
        tutorial: Its name.
    """
    links = Links(f"notebooks/{language}/{tutorial}.ipynb", lessons.pages(), Page())
    body = lessons.body(notebook, links, phrases(language).output)
    entries = [Entry(f"{name}.html", lessons.title(notebook_path(language, name))) for name in tutorials()]
    place = Place(language, f"{tutorial}.html", entries, alone=True)
    return page("page.html", place, body, ways(language, tutorial, None))
