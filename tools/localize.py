"""From one English source and a catalog a language to the notebooks that readers open: the commands."""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import wraps

from tools import building, outline, pages, reviews
from tools.checking import check as checking
from tools.project import root
from tools.running.execution import run_interruptibly
from tools.status import differences, table
from tools.translating import catalogs, formats, po, spoken
from tools.tutorials import ENGLISH, LANGUAGES, catalog_path, glossary_path, tutorials

_Command = Callable[[Sequence[str]], int]


def _errors_told(command: _Command) -> _Command:
    """Have the errors that a reader can mend be lines, and not tracebacks."""

    @wraps(command)
    def told(arguments: Sequence[str]) -> int:
        try:
            return command(arguments)
        except (catalogs.SourceError, po.CatalogError) as error:
            print(error, file=sys.stderr)
            return 1
        except catalogs.UsageError as error:
            print(f"python -m tools: {error}", file=sys.stderr)
            return 2

    return told


def _parser(name: str, text: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"python -m tools {name}", description=text)


def _options(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """The options, once every translator's file is known to be readable: half a command is worse than none."""
    options = parser.parse_args(arguments)
    if broken := list(checking.broken_files()):
        raise catalogs.SourceError("\n".join(map(str, broken)))
    return options


@_errors_told
def extract(arguments: Sequence[str]) -> int:
    """Bring the catalogs up to date."""
    parser = _parser(
        "extract",
        "Bring the catalogs up to date with the English source. A translation whose English has changed is kept and "
        "marked fuzzy, with the old English beside the new.",
    )
    _options(parser, arguments)
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        if catalog_path(language).exists():
            print(catalogs.extract(language))
            spoken.extract(language)
        else:
            print(f"{language}: there is no catalog; python -m tools new {language} starts one.")
    formats.write()
    outline.write()
    pages.write()
    return 0


@_errors_told
def build(arguments: Sequence[str]) -> int:
    """Make the notebooks."""
    parser = _parser(
        "build",
        "Make the notebooks, their pictures, the documents of every language, and the tables of README.md and "
        "notebooks/README.md. A notebook is run, to get its outputs, only if its code has changed. What is not "
        "translated appears in English.",
    )
    parser.add_argument("--language", choices=LANGUAGES, help="only this language")
    parser.add_argument("--tutorial", choices=tutorials(), help="only this tutorial")
    parser.add_argument("--execute", action="store_true", help="run all of them, changed or not")
    options = _options(parser, arguments)
    languages = [options.language] if options.language else list(LANGUAGES)
    names = [options.tutorial] if options.tutorial else tutorials()
    building.write_pictures(languages)
    done = run_interruptibly(building.build(languages, names, rerun=options.execute))
    outline.write()
    pages.write()
    return 0 if done else 1


@_errors_told
def check(arguments: Sequence[str]) -> int:
    """Say what is wrong."""
    parser = _parser(
        "check",
        "Say where catalogs, glossaries, code, links and notebooks disagree. Without options this is the release "
        "check, which also refuses what is not translated yet.",
    )
    parser.add_argument(
        "--awaiting-translation-ok",
        action="store_true",
        help="report what is fuzzy or not translated, and don't refuse it",
    )
    awaiting_ok = parser.parse_args(arguments).awaiting_translation_ok
    found = checking.check()
    awaiting = [problem for problem in found if problem.awaiting]
    refused = [problem for problem in found if not (problem.awaiting and awaiting_ok)]
    for problem in found:
        print(problem)
    if awaiting and awaiting_ok:
        print(f"{len(awaiting)} message(s) awaiting translation, which only a release refuses.")
    print(f"{len(refused) or 'no'} problem(s) in {len(LANGUAGES)} languages.")
    return 1 if refused else 0


@_errors_told
def status(arguments: Sequence[str]) -> int:
    """Say how far each language is."""
    parser = _parser(
        "status",
        "Print a table of languages, tutorials and documents: how many messages are translated, fuzzy (the English has "
        "changed since) and missing.",
    )
    _options(parser, arguments)
    print(table())
    return 0


@_errors_told
def diff(arguments: Sequence[str]) -> int:
    """Say what awaits a translator."""
    parser = _parser(
        "diff",
        "For each fuzzy message show what has changed in English, [-gone-] and {+new+}, and the present translation.",
    )
    parser.add_argument("language", choices=[code for code in LANGUAGES if code != ENGLISH], metavar="LANGUAGE")
    parser.add_argument("--tutorial", choices=catalogs.sources(), help="only this tutorial or document")
    options = _options(parser, arguments)
    names = [options.tutorial] if options.tutorial else catalogs.sources()
    print("\n".join(differences(options.language, names)) or "Nothing awaits translation.\n", end="")
    return 0


@_errors_told
def new(arguments: Sequence[str]) -> int:
    """Start a language."""
    parser = _parser(
        "new",
        "Start a language that stands in the table of languages, LANGUAGES in "
        "helpers/_localization/languages.py: make catalogs without translations, one of the tutorials and one of "
        "what the package says, and a glossary to fill in.",
    )
    parser.add_argument("language", metavar="LANGUAGE", help="its code, such as de or pt-BR")
    language = parser.parse_args(arguments).language
    catalogs.start(language)
    spoken.extract(language)
    formats.write()
    for path in (catalog_path(language), spoken.path_of(language), glossary_path(language)):
        print(f"{path.relative_to(root())}: started")
    return 0


@_errors_told
def review(arguments: Sequence[str]) -> int:
    """Record that a page was read."""
    parser = _parser(
        "review",
        "Record that a page was read as a whole, in its executed form, and what kinds of things were found and mended. "
        "The record holds until the page's text changes; notebooks/README.md shows it.",
    )
    parser.add_argument("language", choices=LANGUAGES, metavar="LANGUAGE", help="its code, such as ko")
    parser.add_argument("page", choices=reviews.pages(), metavar="PAGE", help=f"one of {', '.join(reviews.pages())}")
    parser.add_argument("found", metavar="FOUND", help='such as "two calques, a wrong particle", or "nothing"')
    options = _options(parser, arguments)
    reviews.record(options.language, options.page, options.found)
    pages.write()
    return 0
