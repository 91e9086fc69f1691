"""Markdown, code and outputs as HTML: what a page shows, and what it takes along."""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import project
from tools.project import raw_address, repository
from tools.site import api, lessons
from tools.site.addresses import Links
from tools.site.alone import lesson_page
from tools.site.pictures import Folder, Page
from tools.site.prose import Prose
from tools.tutorials import notebook_path

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    b"<style>@media (prefers-color-scheme: dark){}</style></svg>"
)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (300).to_bytes(4, "big") + (200).to_bytes(4, "big")
PAGES = {"docs/platforms.md": "ko/platforms.html", "notebooks/ko/01_redis.ipynb": "ko/01_redis.html"}


@pytest.fixture
def prose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prose:
    """Of a lesson, in a repository that has two pictures."""
    (tmp_path / "notebooks/ko").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_bytes((project.ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "notebooks/turn.svg").write_bytes(SVG)
    (tmp_path / "shot.png").write_bytes(PNG)
    monkeypatch.setattr(project, "ROOT", tmp_path)
    return Prose(Links("notebooks/ko/02_memorystore.ipynb", PAGES, Folder(tmp_path / "kept", "../kept")))


def test_headings_have_the_anchors_of_github_and_make_the_outline(prose: Prose) -> None:
    html = prose.markdown("# 채팅 *기록*\n\nFirst.\n\n## Use `ttl`, always!\n\nwords\n") + prose.markdown(
        "## Use `ttl`, always!"
    )
    assert re.findall(r'<h\d id="(.*?)"', html) == ["채팅-기록", "use-ttl-always", "use-ttl-always-1"]
    assert [(one.level, one.title, one.words) for one in prose.sections[1:]] == [
        (1, "채팅 기록", ["First."]),
        (2, "Use ttl, always!", ["words"]),
        (2, "Use ttl, always!", []),
    ]
    assert (prose.title, prose.summary) == ("채팅 기록", "First.")


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("01_redis.ipynb#connect", "../ko/01_redis.html#connect"),
        ("../../docs/platforms.md", "../ko/platforms.html"),
        ("/docs/platforms.md#colab", "../ko/platforms.html#colab"),
        (f"{repository()}/blob/main/docs/platforms.md", "../ko/platforms.html"),
        ("../../Makefile", f"{repository()}/blob/main/Makefile"),
        ("..", f"{repository()}/tree/main/notebooks"),
        ("#here", "#here"),
        ("https://redis.io/?a=1&b=2", "https://redis.io/?a=1&amp;b=2"),
        (repository(), repository()),
    ],
)
def test_links_lead_to_pages_else_to_github(prose: Prose, target: str, leads_to: str) -> None:
    assert f'<a href="{leads_to}">' in prose.markdown(f"[there]({target})")
    assert f'<a href="{leads_to}">' in prose.markdown(f'<a href="{target.replace("&", "&amp;")}">there</a>')


def test_pictures_come_along_and_those_of_other_sites_do_not(prose: Prose, tmp_path: Path) -> None:
    raw = raw_address("notebooks/turn.svg")
    html = prose.markdown(
        f'![A "turn"](../turn.svg)\n\n<img alt="a" width="40" src="{raw}" style="background: url(data:x)">\n\n'
        "![shot](/shot.png)\n\n[![Open in Colab](https://colab.example/badge.svg)](https://colab.example)\n\n"
        '<p><img src="https://elsewhere.example/x.png" alt="theirs"></p>\n\n![gone](attachment:a.png)',
        {"a.png": ("a.png", PNG)},
    )
    kept = {path.name: path for path in (tmp_path / "kept").iterdir()}
    assert set(re.findall(r'src="\.\./kept/(.*?)"', html)) == kept.keys()
    assert len(kept) == 3  # one file for one picture
    assert html.count('width="40" height="20" class="themed"') == 2  # it has colours for dark pages of its own
    assert html.count('width="300" height="200" loading') == 2
    assert 'alt="A &quot;turn&quot;"' in html
    assert "background" not in html
    assert '<a href="https://colab.example">Open in Colab</a>' in html
    assert "<p>theirs</p>" in html


def test_a_theme_of_a_picture_element_is_kept(prose: Prose) -> None:
    html = prose.markdown(
        '<picture><source media="(prefers-color-scheme: dark)" srcset="../turn.svg">'
        '<img src="../../shot.png" alt="x"></picture>'
    )
    assert re.search(
        r'<source media="\(prefers-color-scheme: dark\)" srcset="\.\./kept/turn\.\w+\.svg"><img src=', html
    )


def test_code_is_marked_and_tables_can_be_scrolled(prose: Prose) -> None:
    html = prose.markdown(
        "```python\n%pip install x\nif a < b: 'é'\n```\n\n```nonsense\n<b>\n```\n\n| a |\n|---|\n| b |\n"
    )
    assert '<span class="keyword">if</span>' in html
    assert "&lt;b&gt;" in html
    assert re.search(r'<div class="wide"><table class="words">.*</table></div>', html, re.DOTALL)
    assert "'é'" in " ".join(prose.sections[0].words)


def outputs_of(prose: Prose, *outputs: Any) -> str:
    notebook = new_notebook(
        cells=[new_markdown_cell("# x"), new_code_cell("1", outputs=list(outputs), execution_count=3)]
    )
    return str(lessons.body(notebook, prose.links, "Output").html)


def test_outputs_are_shown_as_they_are_without_a_kernel(prose: Prose) -> None:
    html = outputs_of(
        prose,
        new_output("stream", name="stdout", text="<b>\n"),
        new_output("error", ename="E", evalue="x", traceback=["\x1b[0;31mE\x1b[0m: <x>"]),
        new_output("display_data", {"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "T"}),
        new_output("display_data", {"image/png": b64encode(PNG).decode(), "text/plain": "<Figure>"}),
        new_output("display_data", {"image/svg+xml": SVG.decode()}),
        new_output("execute_result", {"text/plain": "{'a': 1}"}, execution_count=3),
        new_output("stream", name="stdout", text=""),
    )
    assert '<pre class="stdout"><samp>&lt;b&gt;\n</samp></pre>' in html
    assert '<pre class="stderr"><samp>E: &lt;x&gt;\n</samp></pre>' in html
    assert '<div class="wide"><table><tr><td>1</td></tr></table></div>' in html
    assert re.search(r'<img src="\.\./kept/output\.\w+\.png" alt="&lt;Figure&gt;"', html)
    assert re.search(r'<img src="\.\./kept/output\.\w+\.svg"', html)
    assert "<samp>{&#39;a&#39;: 1}\n</samp>" in html
    assert html.count("<samp>") == 3
    assert 'data-number="3"' in html
    assert 'role="group" aria-label="Output"' in html


def test_a_page_that_stands_alone_is_one_file() -> None:
    notebook = nbformat.read(notebook_path("ja", "01_redis"), as_version=4)
    notebook.cells[0].source += "\n\n![shot](../../docs/chat_panel-en.png)"
    page = lesson_page(notebook, "ja", "01_redis")
    loads = re.findall(r'<(?:img|script|source|iframe)\b[^>]*\b(?:src|srcset)="([^";]*)', page)
    assert set(loads) == {"data:image/svg+xml", "data:image/png"}
    assert not re.search(r'<link rel="(?:stylesheet|icon)', page)
    assert "@import" not in page
    assert "url(" not in page.replace("url(data:", "")
    assert 'href="../fr/01_redis.html"' in page
    assert 'href="02_memorystore.html"' in page
    assert "index.html" not in page  # there is none beside it


def test_a_signature_breaks_where_it_is_long() -> None:
    package = api.load(project.root())
    signatures = {one.name: api.signature(one) for name in api.MODULES for one in api.public(package, name)}
    assert signatures["speak"] == "speak(language: str) -> None"
    history = signatures["RedisChatMessageHistory"].splitlines()
    assert history[0] == "class RedisChatMessageHistory("
    assert "    *," in history
    assert "    ttl: int | None = None," in history
    assert signatures["HelpersError"] == "class HelpersError(Exception)"
    assert signatures["ENGINE_VARIABLE"].startswith("ENGINE_VARIABLE")


def test_pictures_in_the_page_itself() -> None:
    picture = Page().keep("a.svg", SVG)
    assert picture.address.startswith("data:image/svg+xml;base64,")
    assert (picture.size, picture.themed) == ((40, 20), True)
