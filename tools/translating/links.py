"""Links to other sites lead to the reader's language if there is such a page, as notebooks/locales/links.toml says."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tools.translating import po
from tools.tutorials import ENGLISH, notebooks

# Code, which stays as it is, or the target of a link.
TARGET = re.compile(
    r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)|(?P<code>`+).*?(?P=code)"
    r"|(?<=\]\()(?P<target>[^)\s]+)|(?:(?<=\bhref=\")|(?<=\bsrc=\"))(?P<attribute>[^\"]+)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Site:
    """Addresses that have pages in the same languages.

    Attributes:
        begins: How the addresses begin.
        parameter: The parameter of an address that asks for a language; empty if there are no pages but English ones.
        languages: Its value for each of the kit's languages that the site has.
    """

    begins: tuple[str, ...]
    parameter: str = ""
    languages: dict[str, str] = field(default_factory=dict)


def path() -> Path:
    """Where the table lies."""
    return notebooks() / "locales" / "links.toml"


def sites() -> list[Site]:
    """The table.

    Raises:
        po.CatalogError: The file is not the table that it should be.
    """
    return _sites(path(), po.read_text(path()))


@lru_cache
def _sites(file: Path, text: str) -> list[Site]:
    try:
        rows = tomllib.loads(text)["site"]
        return [Site(tuple(row.pop("begins")), **row) for row in rows]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise po.CatalogError(file, 1, f"this is no table of sites: {error}.") from error


def site_of(address: str) -> Site | None:
    """The site that an address belongs to."""
    return next((site for site in sites() if address.startswith(site.begins)), None)


def address(english: str, language: str) -> str:
    """The page that takes an English one's place; itself if there is none."""
    site = site_of(english)
    value = site.languages.get(language) if site else None
    if site is None or value is None:
        return english
    parts = urlsplit(english)
    query = [(name, was) for name, was in parse_qsl(parts.query, keep_blank_values=True) if name != site.parameter]
    return urlunsplit(parts._replace(query=urlencode([*query, (site.parameter, value)])))


def localized(text: str, language: str) -> str:
    """A Markdown text whose links to other sites lead to a language."""

    def led(found: re.Match[str]) -> str:
        target = found["target"] or found["attribute"]
        return address(target, language) if target else found[0]

    return TARGET.sub(led, text)


def troubles() -> Iterator[str]:
    """What is wrong with the form of the table."""
    seen: set[str] = set()
    for site in sites():
        for start in site.begins:
            if not re.fullmatch(r"https://[a-z0-9.-]+/\S*", start):
                yield f"{start} is no beginning of an address: write https://SITE/."
            if start in seen:
                yield f"{start} stands there twice."
            seen.add(start)
        if bool(site.parameter) != bool(site.languages):
            yield f"{site.begins[0]}: a parameter and languages belong together."
        for language in site.languages:
            if not re.fullmatch(r"[a-z]{2,3}(-[A-Z][A-Za-z]+)?", language) or language == ENGLISH:
                yield f"{site.begins[0]}: {language} is no language's code, or the one that every site has."
