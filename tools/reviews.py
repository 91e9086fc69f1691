"""Who can trust a page: when each was last read as a whole, and whether its text has changed since."""

import csv
import datetime
import hashlib
import io
from dataclasses import astuple, dataclass
from pathlib import Path

from tools.translating.catalogs import messages, read_catalog
from tools.tutorials import ENGLISH, LANGUAGES, notebooks

_HEADER = ("language", "page", "date", "text", "found")


@dataclass(frozen=True)
class Review:
    """One page of one language, read from top to bottom as its readers see it."""

    language: str
    page: str
    date: str
    text: str  # the digest of what was read
    found: str  # what kinds of things, all of them mended


def path() -> Path:
    """Where the reviews are recorded, beside the catalogs."""
    return notebooks() / "locales" / "reviews.tsv"


def pages() -> list[str]:
    """What can be reviewed: all that a catalog has as a whole."""
    return list(dict.fromkeys(message.key.partition("/")[0] for message in messages() if "/" in message.key))


def digest(language: str, page: str) -> str:
    """What a page says, in short: its words in this language, in their order."""
    catalog = {} if language == ENGLISH else read_catalog(language)
    said = hashlib.sha256()
    for message in messages():
        if message.key.partition("/")[0] == page:
            entry = catalog.get(message.key)
            said.update(f"{entry.msgstr if entry is not None else message.english}\0".encode())
    return said.hexdigest()[:12]


def read() -> dict[tuple[str, str], Review]:
    """The latest review of each page."""
    if not path().exists():
        return {}
    rows = list(csv.reader(path().read_text(encoding="utf-8").splitlines(), delimiter="\t"))[1:]
    return {(review.language, review.page): review for review in (Review(*row) for row in rows)}


def state(language: str, page: str, reviews: dict[tuple[str, str], Review]) -> str:
    """When a page was read, for the overview."""
    review = reviews.get((language, page))
    if review is None:
        return "not reviewed"
    return f"reviewed {review.date}" if review.text == digest(language, page) else f"changed since {review.date}"


def record(language: str, page: str, found: str) -> None:
    """Record that a page was read today, and what kinds of things were found."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    review = Review(language, page, today, digest(language, page), " ".join(found.split()))
    _write({**read(), (language, page): review})


def _write(reviews: dict[tuple[str, str], Review]) -> None:
    """By language and page in their usual order, so that two people's changes merge."""
    order = {(language, page): place for place, language in enumerate(LANGUAGES) for page in pages()}
    rows = sorted(reviews.values(), key=lambda one: (order.get((one.language, one.page), len(order)), one.page))
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    table.writerow(_HEADER)
    table.writerows(astuple(one) for one in rows)
    path().write_text(text.getvalue(), encoding="utf-8")
