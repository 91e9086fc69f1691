"""Where the pictures of pages are kept: in a folder beside them, or in the page itself."""

import hashlib
import re
import struct
from base64 import b64encode
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from typing import Protocol

KINDS = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
"""The media types of pictures, by the ending of their files' names."""


@dataclass(frozen=True)
class Picture:
    """A picture as a page shows it.

    Attributes:
        address: Where the page loads it from.
        size: Its width and height in pixels, where they are known: the page then does not jump when it arrives.
        themed: Whether it has colours for light and for dark pages.
    """

    address: str
    size: tuple[int, int] | None = None
    themed: bool = False

    def element(self, words: str) -> str:
        """The picture as HTML, with its alternative text."""
        size = ' width="{}" height="{}"'.format(*self.size) if self.size else ""
        kind = ' class="themed"' if self.themed else ""
        return f'<img src="{escape(self.address)}" alt="{escape(words)}"{size}{kind} loading="lazy">'


class Store(Protocol):
    """Takes the pictures that pages show."""

    def keep(self, name: str, content: bytes) -> Picture:
        """Keep a picture.

        Args:
            name: Its file name.
            content: The file.
        """


class Folder:
    """Keeps each picture once, as a file under a name that changes with its content.

    Args:
        folder: Where the files go.
        address: The folder's address as seen from a page.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address = folder, address

    def keep(self, name: str, content: bytes) -> Picture:
        path = PurePosixPath(name)
        kept = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:8]}{path.suffix}"
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / kept).write_bytes(content)
        return _picture(f"{self._address}/{kept}", content)


class Page:
    """Keeps pictures in the page itself, which is then one file."""

    def keep(self, name: str, content: bytes) -> Picture:
        kind = KINDS[PurePosixPath(name).suffix.lower()]
        return _picture(f"data:{kind};base64,{b64encode(content).decode()}", content)


def _picture(address: str, content: bytes) -> Picture:
    return Picture(address, _size(content), b"prefers-color-scheme" in content)


def _size(content: bytes) -> tuple[int, int] | None:
    """What the head of a PNG says, or the root of an SVG where it counts in pixels."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack(">II", content[16:24])
        return int(width), int(height)
    root = re.search(rb"<svg\b[^>]*>", content)
    width, height = (re.search(rb'\s%s="(\d+)"' % name, root[0]) if root else None for name in (b"width", b"height"))
    return (int(width[1]), int(height[1])) if width and height else None
