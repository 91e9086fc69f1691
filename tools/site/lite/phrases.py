"""What the browser's edition says beside the lessons, in the language of the lesson."""

from helpers._localization.messages import words
from tools.site.phrases import translated

IN_PAGE = words(
    "This copy of the lesson runs in your browser. Nothing is installed, and no data leaves the page. A server inside "
    "the page stands in for Redis, and the offline model answers. Both forget everything when you close the page. Your "
    "changes to the notebook stay in this browser; to keep a file, choose **File → Download**."
)
NO_PROCESS = words("A web page can't start a second process, so this cell doesn't run here. On a computer it prints:")

_PAGE = {
    "starting": words("Starting Python in this page. The first time takes about a minute; later visits are faster."),
    "failed": words("Python could not start in this page, so the cells don't run: {reason}"),
    "instead": words(
        "You can read the lesson here. To run it, reload the page, use a current version of Chrome, Edge, Firefox or "
        "Safari, or open the lesson in Colab or on your computer."
    ),
    "no_webassembly": words("this browser has no WebAssembly, or blocks it."),
    "no_storage": words(
        "This browser keeps nothing for this page, as in a private window. Your changes are gone when you close it; "
        "to keep a file, choose File → Download."
    ),
    "renewed": words("This lesson has a new version, which you see here. Your copy of the old one is kept:"),
    "close": words("Close"),
}


def page(language: str) -> dict[str, str]:
    """What the page's script says, by the name that it uses."""
    return {name: translated(language, text) for name, text in _PAGE.items()}
