"""Whether the pages that translations lead to are there, in the reader's language: it needs the internet."""

import argparse
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tools.checking.linking import english_links
from tools.translating import links
from tools.tutorials import ENGLISH, LANGUAGES

_SECONDS = 30
_AT_ONCE = 8
# Google's documents say so of a page that a machine has translated: lang="ko-x-mtfrom-en".
_LANGUAGE = re.compile(rb"<html\b[^>]*?\blang=[\"']?([\w-]+)", re.IGNORECASE)
# The beginning of a page in which it says its language.
_BEGINNING = 65_536


def main(arguments: Sequence[str]) -> int:
    """Ask each address that a translation leads to, and that its English page does not."""
    argparse.ArgumentParser(
        prog="python -m tools links",
        description="Ask each page that only a translation leads to whether it is there, and in its language. Which "
        "sites have which languages is in notebooks/locales/links.toml. It needs the internet.",
    ).parse_args(arguments)
    asked = addresses()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        troubles = [trouble for trouble in pool.map(trouble_of, *zip(*asked, strict=True)) if trouble] if asked else []
    print("\n".join(troubles), file=sys.stderr, end="\n" if troubles else "")
    print(f"{len(asked)} pages asked, {len(troubles) or 'no'} problem(s).")
    return 1 if troubles else 0


def addresses() -> list[tuple[str, str]]:
    """The addresses, each with the value by which it asks for a language."""
    english = sorted({target for _, target, _ in english_links()})
    found = []
    for language in LANGUAGES:
        for target in english:
            site = links.site_of(target)
            if language != ENGLISH and site and language in site.languages:
                found.append((links.address(target, language), site.languages[language]))
    return found


def trouble_of(address: str, language: str) -> str | None:
    """What is wrong with a page. One that is asked too often, or whose site is ill today, may still be there."""
    # Without a name of a browser, some sites answer with an error.
    request = Request(address, headers={"User-Agent": "Mozilla/5.0 (compatible; link check)"})  # noqa: S310
    try:
        with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - the table has https addresses only
            page = answer.read(_BEGINNING)
    except HTTPError as error:
        return None if error.code == 429 or error.code >= 500 else f"{address}: {error.code} {error.reason}"
    except (URLError, TimeoutError, ConnectionError) as error:
        return f"{address}: {getattr(error, 'reason', error)}"
    said = _LANGUAGE.search(page)
    spoken = said[1].decode().lower() if said else "no language that it names"
    if spoken == language or spoken.startswith(f"{language}-"):
        return None
    return f"{address}: the page is in {spoken}, not in {language}."
