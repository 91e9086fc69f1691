"""What the frame of a page says, in the language of the page."""

from types import SimpleNamespace

from helpers._localization.messages import catalog, words

PHRASES = {
    "site": words("Chat history in Redis and Memorystore"),
    "about": words("Lessons that run as they are: you need no server, no API key and no cloud project."),
    "skip": words("Skip to the content"),
    "menu": words("Pages"),
    "lessons": words("Lessons"),
    "documents": words("Documents"),
    "overview": words("Overview"),
    "api": words("API reference"),
    "languages": words("Language"),
    "contents": words("On this page"),
    "dark": words("Dark mode"),
    "copy": words("Copy"),
    "copied": words("Copied"),
    "output": words("Output"),
    "hint": words("Hint"),
    "solution": words("Solution"),
    "previous": words("Previous"),
    "next": words("Next"),
    "english": words("This page is in English."),
    "search": words("Search"),
    "close": words("Close"),
    "found": words("Results: {count}"),
    "nothing": words("Nothing found."),
    "no_index": words("The search index could not be loaded. Check the connection, and search again."),
    "open": words("Open in"),
    "here": words("This browser"),
    "not_here": words("This browser can't run this lesson, because it starts servers."),
    "download": words("Download the notebook"),
}
"""Each phrase in English, by the name that the templates use."""


def translated(language: str, text: str) -> str:
    """A text in a language, or in English if it has no translation."""
    return catalog(language).get(("", text), text)


def phrases(language: str) -> SimpleNamespace:
    """The phrases in a language, as attributes."""
    return SimpleNamespace(**{name: translated(language, text) for name, text in PHRASES.items()})
