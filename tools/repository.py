"""Where this repository is on GitHub, and whatever is made from that.

The address has one home, `Repository` in pyproject.toml. Badges, install lines and links follow it.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from urllib.parse import quote

from tools.project import repository, root

_GITHUB = "https://github.com/"
# GitHub's own rules, as they are known from use. An owner managed by a company may end in _company.
_SLUG = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}(?:_[A-Za-z0-9]+)?/(?!\.{1,2}$)[\w.-]{1,100}", re.ASCII)
_HOME = re.compile(r'^(\[project\.urls\]\n(?:(?!\[).*\n)*?Repository = ")[^"\n]*(")', re.MULTILINE)


class RepositoryError(Exception):
    """An address that cannot be set, with the reason."""


def slug() -> str:
    """The repository's owner and name, from pyproject.toml."""
    return repository().removeprefix(_GITHUB)


def check(found: str) -> str | None:
    """Why an owner and name are not this repository's, or None."""
    if slug().casefold() == found.casefold():  # GitHub takes no notice of case
        return None
    return (
        f"pyproject.toml says that this repository is {slug()}, and it is {found}. Badges, install lines and links "
        f"lead elsewhere. One command sets it, to be committed:\n\n    make repository SLUG={found}"
    )


def set_slug(new: str) -> None:
    """Write the address, and make anew what depends on it; no notebook is executed.

    Raises:
        RepositoryError: The slug is malformed, or a notebook would have to be executed. Nothing was written.
    """
    if not _SLUG.fullmatch(new) or new.endswith(".git"):
        raise RepositoryError(
            f"{new!r} is not the owner and name of a repository. As in its address, without https://github.com/ "
            "before it: make repository SLUG=owner/name"
        )
    # Imported here, so that `check` needs none of the packages that making notebooks does.
    from tools import pages
    from tools.building import localized, read_built, serialized, with_outputs_of
    from tools.checking import linking
    from tools.tutorials import LANGUAGES, notebook_path, tutorials

    made = [(language, tutorial) for language in LANGUAGES for tutorial in tutorials()]
    built = {one: read_built(*one) for one in made}
    if stale := [one for one in made if not with_outputs_of(localized(*one), built[one])]:
        names = ", ".join("/".join(one) for one in stale)
        raise RepositoryError(f"The code of {names} is not the source's. Make the notebooks first: make notebooks")

    old, project = slug(), root() / "pyproject.toml"
    text, count = _HOME.subn(rf"\g<1>{_GITHUB}{new}\g<2>", project.read_text(encoding="utf-8"))
    if count != 1:
        raise RepositoryError('pyproject.toml has no line Repository = "…" under [project.urls].')
    project.write_text(text, encoding="utf-8")
    for one in made:
        notebook = localized(*one)
        with_outputs_of(notebook, built[one])
        notebook_path(*one).write_text(serialized(notebook), encoding="utf-8")
    for page in [*linking.pages(), root() / "CITATION.cff", *(root() / ".github").rglob("*.yml")]:
        page.write_text(_with_links(page.read_text(encoding="utf-8"), old, new), encoding="utf-8")
    pages.write()


def _with_links(text: str, old: str, new: str) -> str:
    """A page whose links to this repository lead to where it is now, and the folder that a clone makes."""
    clone = rf"(git clone {re.escape(_GITHUB + old)}(?:\.git)?\n *cd ){re.escape(old.split('/')[1])}(?![\w.-])"
    text = re.sub(clone, rf"\g<1>{new.split('/')[1]}", text)
    for written in (str, lambda slug: quote(slug, safe="")):
        slash = re.escape(written("/"))
        before = rf"(?<=github\.com{slash})|(?<=githubusercontent\.com{slash})|(?<={slash}github{slash})"
        after = r"(?![\w-]|\.(?!git\b)\w)"
        text = re.sub(rf"(?:{before}){re.escape(written(old))}{after}", written(new), text)
    return text


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools repository", description="The address that badges, install lines and links follow."
    )
    parser.add_argument("do", choices=("set", "check"), help="write it and what follows from it anew, or compare it")
    parser.add_argument("slug", metavar="owner/name", help="as in the address, without https://github.com/")
    # A name may begin with a dash, for all that a shell's user has typed.
    options = parser.parse_args([*arguments[:1], *(["--"] if len(arguments) > 1 else []), *arguments[1:]])
    given = options.slug
    if options.do == "check":
        if problem := check(given):
            print(problem, file=sys.stderr)
            return 1
        print(f"This repository is {slug()}.")
        return 0
    try:
        set_slug(given)
    except RepositoryError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"This repository is now {given}. git diff shows what followed.")
    return 0
