"""What the package itself says, in the reader's language.

English is written where it is said; the translations are in ``locales/LANGUAGE.po``, keyed by the English text.
"""

import locale
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from helpers._localization.languages import LANGUAGES, SOURCE_LANGUAGE

LANGUAGE_VARIABLE = "HELPERS_LANGUAGE"
CATALOGS = Path(__file__).with_name("locales")

_chosen: str | None = None


def speak(language: str) -> None:
    """Have messages, advice and labels appear in a language from now on, as each notebook does.

    If you don't call it, ``$HELPERS_LANGUAGE`` decides, then the system's locale, then it is English.
    The first line of an error stays English, so that it can be searched for.

    Args:
        language: A code such as ``"ko"`` or ``"zh-CN"``.

    Raises:
        ValueError: There is no such language here; the message lists the languages that exist.
    """
    global _chosen
    known = _known(language)
    if known is None:
        raise ValueError(f"{language!r} is not one of the languages {', '.join(LANGUAGES)}.")
    _chosen = known


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Say in a language what is for somebody else, such as a student, and then go on in the one before.

    Args:
        language: A code such as ``"ko"``.

    Raises:
        ValueError: The kit does not speak it.
    """
    global _chosen
    before = _chosen
    speak(language)
    try:
        yield
    finally:
        _chosen = before


def language() -> str:
    """The code of the language that is spoken now."""
    wishes = (
        os.environ.get(LANGUAGE_VARIABLE),
        *(os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG")),
        locale.getlocale()[0],
    )
    return _chosen or next(filter(None, (_known(wish) for wish in wishes if wish)), SOURCE_LANGUAGE)


def words(text: str) -> str:
    """Mark an English text for translation that is kept in a table and said later."""
    return text


def say(text: str, /, **values: str) -> str:
    """A text in the language that is spoken now.

    Args:
        text: The English text, with ``{name}`` where a value goes.
        values: The values, as the reader's language writes them: `formats` has the numbers, sizes and times.
    """
    translated = catalog(language()).get(("", text)) or text
    try:
        return translated.format(**values) if values else translated
    except Exception:  # a broken translation may not take away what there is to say
        return text.format(**values)


@cache
def catalog(code: str) -> dict[tuple[str, str], str]:
    """A language's translations, by context and English text; nothing that is not finished."""
    path = CATALOGS / f"{code}.po"
    if not path.exists():
        return {}
    import polib  # not needed in English

    try:
        entries = polib.pofile(str(path))
    except Exception as error:  # nor may a broken file
        logging.getLogger(__name__).warning("The texts are English, since %s can't be read: %s", path, error)
        return {}
    return {(entry.msgctxt or "", entry.msgid): entry.msgstr for entry in entries if entry.translated()}


def _known(wish: str) -> str | None:
    """The code of the language that a code or a locale's name such as ``pt_BR.UTF-8`` stands for."""
    wish = wish.partition(".")[0].partition("@")[0].replace("_", "-").lower()
    exact = next((code for code in LANGUAGES if code.lower() == wish), None)
    return exact or next((code for code in LANGUAGES if code.lower().partition("-")[0] == wish.partition("-")[0]), None)
