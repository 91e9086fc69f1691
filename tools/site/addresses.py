"""Which file of the repository is which page, and where the links of a file lead to."""

import posixpath
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from tools.project import raw_address, repository, root
from tools.site.pictures import Picture, Store

_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


class Links:
    """Where the links and pictures of one file lead to, as seen from its page.

    Every page is in the folder of its language, so from each the way to another is the same.

    Args:
        file: The file, by its path in the repository.
        pages: The pages that there are, by the file that each is made from.
        pictures: Where the pictures of the page are kept.
    """

    def __init__(self, file: str, pages: Mapping[str, str], pictures: Store) -> None:
        self._file = PurePosixPath(file)
        self._pages = pages
        self.pictures = pictures

    def page(self, target: str) -> str:
        """Where a link leads to: a page, else the file on GitHub; other sites stay as they are."""
        ours = f"{repository()}/blob/main/"
        if target.startswith(ours):
            target = "/" + target.removeprefix(ours)
        elif target.startswith("#") or _ELSEWHERE.match(target):
            return target
        path, hash_, anchor = target.partition("#")
        path = self._in_repository(unquote(path))
        if page := self._pages.get(path):
            return f"../{quote(page)}{hash_}{anchor}"
        kind = "tree" if (root() / path).is_dir() else "blob"
        return f"{repository()}/{kind}/main/{quote(path)}{hash_}{anchor}"

    def picture(self, source: str, attachments: Mapping[str, tuple[str, bytes]] | None = None) -> Picture | None:
        """A picture, or None for one of another site: a page loads nothing from there.

        Args:
            source: As it is written: a path, or the name of an attachment.
            attachments: What is attached to the cell, by name: a file name and the content.
        """
        if source.startswith("attachment:"):
            return self.pictures.keep(*(attachments or {})[unquote(source.removeprefix("attachment:"))])
        if source.startswith("data:"):
            return Picture(source)
        ours = raw_address("")
        if source.startswith(ours):
            source = "/" + source.removeprefix(ours)
        elif _ELSEWHERE.match(source):
            return None
        path = self._in_repository(unquote(source))
        return self.pictures.keep(posixpath.basename(path), (root() / path).read_bytes())

    def _in_repository(self, path: str) -> str:
        if path.startswith("/"):
            return path.lstrip("/")
        return posixpath.normpath(self._file.parent / path)
