"""The anchors of headings."""

import re
from collections import Counter


class Anchors:
    """The anchors that GitHub gives to the headings of one page."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, title: str) -> str:
        """The anchor of the next heading; a number tells those of the same words apart."""
        slug = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        anchor = f"{slug}-{self._seen[slug]}" if self._seen[slug] else slug
        self._seen[slug] += 1
        return anchor
