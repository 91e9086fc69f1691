"""From one English source and a catalog a language to the notebooks that readers open.

python notebooks/localize.py extract    bring the catalogs up to date with the English source
python notebooks/localize.py build      make the notebooks; run those whose code has changed
python notebooks/localize.py check      say where catalogs, code, links and notebooks disagree
python notebooks/localize.py status     say how far each language is translated
python notebooks/localize.py diff       say what changed in English since it was translated
python notebooks/localize.py new        start a language
"""

import argparse
import sys
from collections.abc import Sequence

import spoken
from building import build
from catalogs import SourceError, UsageError, extract, start
from checking import check
from execution import run_interruptibly
from status import differences, table, write_readmes
from tutorials import ENGLISH, LANGUAGES, catalog_path, glossary_path, root, tutorials

_EPILOG = """\
exit status: 0 fine, 1 problems found or a notebook that failed, 2 wrong use of the command line

CONTRIBUTING.md says what a translator does, step by step.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    names = [options.tutorial] if getattr(options, "tutorial", None) else tutorials()
    try:
        if options.command == "extract":
            return _extract()
        if options.command == "build":
            languages = [options.language] if options.language else list(LANGUAGES)
            done = run_interruptibly(build(languages, names, rerun=options.execute))
            write_readmes()
            return 0 if done else 1
        if options.command == "check":
            return _check(awaiting_ok=options.awaiting_translation_ok)
        if options.command == "status":
            print(table())
        elif options.command == "diff":
            print("\n".join(differences(options.language, names)) or "Nothing awaits translation.\n", end="")
        else:
            start(options.language)
            spoken.extract(options.language)
            started = (
                catalog_path(options.language),
                spoken.path_of(options.language),
                glossary_path(options.language),
            )
            for path in started:
                print(f"{path.relative_to(root())}: started")
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    except UsageError as error:
        print(f"localize.py: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localize.py",
        description="Make the localized notebooks from source/ and locales/, and keep the catalogs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=summary, description=text)

    command(
        "extract",
        "bring the catalogs up to date with the English source",
        "Bring the catalogs up to date with the English source. A translation whose English has changed is kept and "
        "marked fuzzy, with the old English beside the new.",
    )
    building = command(
        "build",
        "make the notebooks; run those whose code has changed",
        "Make the notebooks, and the tables of README.md and notebooks/README.md. A notebook is run, to get its "
        "outputs, only where its code has changed. What is not translated appears in English.",
    )
    building.add_argument("--language", choices=LANGUAGES, help="only this language")
    building.add_argument("--tutorial", choices=tutorials(), help="only this tutorial")
    building.add_argument("--execute", action="store_true", help="run all of them, changed or not")
    checking = command(
        "check",
        "say where catalogs, code, links and notebooks disagree",
        "Say where catalogs, glossaries, code, links and notebooks disagree. Without options this is the release "
        "check, which also refuses what is not translated yet.",
    )
    checking.add_argument(
        "--awaiting-translation-ok",
        action="store_true",
        help="report what is fuzzy or not translated, and don't refuse it",
    )
    command(
        "status",
        "say how far each language is translated",
        "Print a table of languages and tutorials: how many messages are translated, fuzzy (the English has changed "
        "since) and missing.",
    )
    differing = command(
        "diff",
        "say what changed in English since it was translated",
        "For each fuzzy message show what has changed in English, [-gone-] and {+new+}, and the present translation.",
    )
    differing.add_argument("language", choices=[code for code in LANGUAGES if code != ENGLISH], metavar="LANGUAGE")
    differing.add_argument("--tutorial", choices=tutorials(), help="only this tutorial")
    starting = command(
        "new",
        "start a language",
        "Start a language that stands in the table of languages, LANGUAGES in helpers/languages.py: make catalogs "
        "without translations, one of the tutorials and one of what the package says, and a glossary to fill in.",
    )
    starting.add_argument("language", metavar="LANGUAGE", help="its code, such as de or pt-BR")
    return parser


def _extract() -> int:
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        if catalog_path(language).exists():
            print(extract(language))
            spoken.extract(language)
        else:
            print(f"{language}: there is no catalog; localize.py new {language} starts one.")
    write_readmes()
    return 0


def _check(*, awaiting_ok: bool) -> int:
    found = check()
    awaiting = [problem for problem in found if problem.awaiting]
    refused = [problem for problem in found if not (problem.awaiting and awaiting_ok)]
    for problem in found:
        print(problem)
    if awaiting and awaiting_ok:
        print(f"{len(awaiting)} message(s) awaiting translation, which only a release refuses.")
    print(f"{len(refused) or 'no'} problem(s) in {len(LANGUAGES)} languages.")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
