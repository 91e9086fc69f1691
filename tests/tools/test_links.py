"""Links of a translation to other sites: where they lead, and whether that page is there."""

import http.server
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tools.checking import elsewhere
from tools.translating import links

CLOUD = "https://cloud.google.com/memorystore/docs"


@pytest.mark.parametrize(
    ("english", "theirs"),
    [
        (CLOUD, f"{CLOUD}?hl=pt-br"),
        (f"{CLOUD}?hl=en&x=1#top", f"{CLOUD}?x=1&hl=pt-br#top"),
        (f"{CLOUD}?q=", f"{CLOUD}?q=&hl=pt-br"),
        ("https://redis.io/docs/latest/", "https://redis.io/docs/latest/"),
        ("https://cloud.google.com.example.org/", "https://cloud.google.com.example.org/"),
        ("../en/01_redis.ipynb#clean-up", "../en/01_redis.ipynb#clean-up"),
    ],
)
def test_an_address_keeps_all_but_its_language(english: str, theirs: str) -> None:
    assert links.address(english, "pt-BR") == theirs
    assert links.address(english, "en") == english


def test_code_keeps_its_addresses() -> None:
    text = f'[a]({CLOUD}) `[b]({CLOUD})`\n\n```text\n[c]({CLOUD})\n```\n\n<a href="{CLOUD}">d</a>'
    there = f"{CLOUD}?hl=ja"
    assert links.localized(text, "ja") == text.replace(f"[a]({CLOUD})", f"[a]({there})").replace(
        f'"{CLOUD}"', f'"{there}"'
    )
    assert links.localized(text, "en") == text


# --- the pages ----------------------------------------------------------------------------------

PAGES = {
    "/translated": '<!doctype html><html dir="ltr" lang="ko">',
    "/by-a-machine": "<html lang='ko-x-mtfrom-en'>",
    "/unquoted": "<HTML LANG=ko>",
    "/english": '<html lang="en">',
    "/another": '<html lang="kok">',
    "/silent": "<html>",
}


class Site(http.server.BaseHTTPRequestHandler):
    """A site with a Korean page or none, which says so as sites do."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/moved":
            self.send_response(301)
            self.send_header("Location", f"/translated?{urlsplit(self.path).query}")
            self.end_headers()
            return
        assert parse_qs(urlsplit(self.path).query) == {"hl": ["ko"]}
        self.send_response({"/gone": 404, "/too-often": 429, "/ill": 503}.get(path, 200))
        self.end_headers()
        self.wfile.write(PAGES.get(path, "").encode())

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("page", "trouble"),
    [
        ("translated", None),
        ("by-a-machine", None),
        ("unquoted", None),
        ("moved", None),
        ("too-often", None),
        ("ill", None),
        ("english", "the page is in en, not in ko."),
        ("another", "the page is in kok, not in ko."),
        ("silent", "the page is in no language that it names, not in ko."),
        ("gone", "404 Not Found"),
    ],
)
def test_a_page_has_to_be_there_in_the_language(site: str, page: str, trouble: str | None) -> None:
    address = f"{site}/{page}?hl=ko"
    assert elsewhere.trouble_of(address, "ko") == (trouble and f"{address}: {trouble}")


def test_the_command_asks_all_pages_and_says_what_is_wrong(
    site: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [f"{site}/translated?hl=ko", f"{site}/gone?hl=ko"]
    monkeypatch.setattr(elsewhere, "addresses", lambda: [(page, "ko") for page in pages])
    assert elsewhere.main([]) == 1
    assert capsys.readouterr() == ("2 pages asked, 1 problem(s).\n", f"{pages[1]}: 404 Not Found\n")
    monkeypatch.setattr(elsewhere, "addresses", lambda: [(pages[0], "ko")])
    assert elsewhere.main([]) == 0
    assert capsys.readouterr() == ("1 pages asked, no problem(s).\n", "")


def test_it_asks_what_the_lessons_lead_to() -> None:
    asked = elsewhere.addresses()
    assert (f"{CLOUD}?hl=zh-cn", "zh-cn") in asked
    assert len(set(asked)) == len(asked)
    assert not [address for address, language in asked if not address.split("#")[0].endswith(f"hl={language}")]


def test_a_site_that_does_not_answer_is_named() -> None:
    address = "http://127.0.0.1:9/?hl=ko"
    assert (elsewhere.trouble_of(address, "ko") or "").startswith(f"{address}: ")
