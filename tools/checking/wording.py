"""What a translation's words have to do: use the glossary's terms, and leave no English by oversight."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from nbformat import NotebookNode

from tools.running.execution import tags
from tools.translating.catalogs import TRANSLATE, Term, comments, plain_python
from tools.translating.structure import Difference, structure

_RUN = 6
_LETTER = "A-Za-zÀ-ɏ"
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")


def glossary_differences(english: str, translation: str, terms: list[Term]) -> Iterator[Difference]:
    """Where a Markdown translation has another word for a term than the glossary."""
    ours, theirs = _folded(structure(english).words), _folded(structure(translation).words)
    present = [term for term in terms if _contains(ours, term.english, plural=True)]
    for term in present:
        if _contains(_without_longer(ours, term, present), term.english, plural=True) and not any(
            _contains(theirs, word) for word in term.translations
        ):
            allowed = " or ".join(f"“{word}”" for word in term.translations)
            yield Difference(f"the glossary has {allowed} for “{term.english}”, and the translation has not.")


def _without_longer(text: str, term: Term, terms: list[Term]) -> str:
    """A text without the terms that a term is part of, as "certificate" is of "certificate authority"."""
    for longer in terms:
        if longer is not term and _contains(_folded(longer.english), term.english):
            text = _word(longer.english, plural=True).sub(" ", text)
    return text


def _contains(text: str, term: str, *, plural: bool = False) -> bool:
    """Whether a folded text has a term."""
    return _word(term, plural=plural).search(text) is not None


@lru_cache(maxsize=4096)
def _word(term: str, *, plural: bool) -> re.Pattern[str]:
    """A term as a word; other scripts put no space between a word and what stands beside it."""
    term = _folded(term)
    words = r"\s+".join(
        re.escape(word.removesuffix("*")) + (rf"[{_LETTER}]*" if word.endswith("*") else "") for word in term.split()
    )
    begins, ends = (re.match(f"[{_LETTER}]", sign) is not None for sign in (term[0], term.rstrip("*")[-1]))
    # A term within a name, as in 03_agents, is no word of the text.
    before = f"(?<![{_LETTER}_])" if begins else ""
    after = f"(?![{_LETTER}_])" if ends else ""
    if plural and words.endswith("y"):
        words = f"{words[:-1]}(?:y|ies)"
    return re.compile(f"{before}{words}{'(?:e?s)?' if plural else ''}{after}", re.IGNORECASE)


def _folded(text: str) -> str:
    return text.casefold().replace("’", "'").replace("\u00a0", " ").replace("\u202f", " ")


def left_in_english(cell: NotebookNode, translation: str) -> Difference | None:
    """English that nobody translated, or None."""
    ours, theirs = _prose(cell, cell.source), _prose(cell, translation)
    if translation == cell.source and any(word[0].islower() for run in _runs(ours) for word in run):
        return Difference("the translation is the English text.")
    known = {_caseless(words) for run in _runs(ours) for words in _sequences(run)}
    for run in _runs(theirs):
        for words in _sequences(run):
            # Names of products are capitalized.
            if _caseless(words) in known and sum(word[0].islower() for word in words) > _RUN // 2:
                lines = enumerate(translation.splitlines(), start=1)
                at = next((number for number, line in lines if all(word in line for word in words[:2])), 0)
                return Difference(f"left in English: “{' '.join(words)} …”", at)
    return None


def _prose(cell: NotebookNode, text: str) -> list[str]:
    """The words for a reader: of a Markdown cell without code and links, of a code cell the comments and texts."""
    if cell.cell_type == "markdown":
        return [structure(text).unlinked]
    try:
        found = comments(text)
        if TRANSLATE in tags(cell):
            tree = ast.parse(plain_python(text))
            found += [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    except SyntaxError:
        return []
    return found


def _runs(texts: list[str]) -> list[list[str]]:
    """The words of texts, cut where code, a link or another script stands between them."""
    return [
        words
        for text in texts
        for piece in re.split(r"\0|[^\x00-\u024f\u2000-\u206f]+", text)
        if (words := _WORD.findall(piece))
    ]


def _sequences(words: list[str]) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1)]


def _caseless(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.casefold() for word in words)
