"""The command line of a class: ``python -m helpers class …``."""

import argparse
import pkgutil
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers._classroom import FOLDER
from helpers._localization import formats
from helpers._localization.languages import LANGUAGES
from helpers._localization.messages import language, say

if TYPE_CHECKING:
    from helpers._classroom.folder import ClassFolder
    from helpers._classroom.server import ClassServer
    from helpers._classroom.students import Student

_EPILOG = """\
The server goes on when the terminal is closed. What is known of the class is in a folder that only its owner can read.
Exit status: 0 done, 1 refused or failed, 2 wrong usage.
"""


def add_to(commands: Any) -> None:
    """Add the command to those of ``python -m helpers``.

    Args:
        commands: What `argparse` has for subcommands.
    """
    parser = commands.add_parser(
        "class",
        help="run a Redis for a class, with a user for each student",
        description="Run a Redis for a class: every student connects with one line, and may use their own chats only.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")

    def task(name: str, run: Callable[[argparse.Namespace], int], summary: str, more: str = "") -> Any:
        made = tasks.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {more}".strip())
        made.add_argument(
            "--folder",
            type=Path,
            default=Path(FOLDER),
            help="what is known of the class is there (default: %(default)s)",
        )
        made.set_defaults(run=run)
        return made

    start = task(
        "start",
        _start,
        "start the server of the class",
        "Started again, it has the same address, students and chats; options that are left out are those of last time.",
    )
    start.add_argument(
        "--bind",
        metavar="ADDRESS",
        help="listen at this address of this computer, or at all with '*' (default: the one in its network)",
    )
    start.add_argument("--host", metavar="NAME", help="what students reach it by, if that is another address or a name")
    start.add_argument("--port", type=_port, help="the port (default: 6379)")
    start.add_argument(
        "--tls",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="encrypt; the students' addresses hold the digest of the certificate (default: no)",
    )
    start.add_argument("--memory", metavar="SIZE", help="how much all chats may take, such as 1gb (default: 256mb)")
    start.add_argument(
        "--language", choices=LANGUAGES, metavar="LANG", help=f"the language of the class: {', '.join(LANGUAGES)}"
    )
    start.add_argument(
        "--engine",
        choices=("embedded", "redis-server"),
        help="the server: the one of the kit, or the redis-server on the PATH (default: the first of them)",
    )
    start.add_argument(
        "--forget",
        dest="keep",
        action="store_const",
        const=False,
        help="keep no chats on the disk: a restart loses them, while students keep their addresses",
    )

    add = task("add", _add, "add students, and show the line that each of them pastes")
    add.add_argument("names", nargs="+", metavar="NAME", help="their names, or one number of students, such as 30")
    _handouts_option(add)

    listed = task("list", _list, "list the students, and what they have stored")
    listed.add_argument("names", nargs="*", metavar="NAME", help="only these students")
    listed.add_argument("--lines", action="store_true", help="show the line that each of them pastes")
    _handouts_option(listed)

    reset = task("reset", _reset, "give students new passwords and end their connections", "Their chats stay.")
    reset.add_argument("names", nargs="+", metavar="NAME", help="their names or short names")
    _handouts_option(reset)

    export = task("export", _export, "save all chats, and how far each student came")
    export.add_argument("file", type=Path, metavar="FILE", help="for the chats, as JSON Lines; it must not exist")

    remove = task("remove", _remove, "remove students with all that they have stored")
    who = remove.add_mutually_exclusive_group(required=True)
    who.add_argument("names", nargs="*", default=[], metavar="NAME", help="their names or short names")
    who.add_argument("--all", action="store_true", help="all of them")

    task(
        "watch",
        _watch,
        "show how far each student is, until Ctrl+C",
        "In a terminal the table is drawn again each second.",
    )

    stop = task("stop", _stop, "stop the server", "Students and chats are kept, unless you delete them.")
    stop.add_argument("--delete", action="store_true", help="delete students and chats too, and the folder")


def run(options: argparse.Namespace) -> int:
    """Carry the command out; returns the exit status: 0 done, 1 refused or failed."""
    import redis

    from helpers.errors import HelpersError

    try:
        status: int = options.run(options)
    except BrokenPipeError:  # whoever read what is printed has read enough
        sys.stdout = None
        return 1
    except (HelpersError, redis.RedisError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _handouts_option(parser: Any) -> None:
    parser.add_argument(
        "--handouts", type=Path, metavar="FILE.html", help="write a page for each of them, to be printed"
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port <= 65535:
        raise ValueError
    return port


def _folder(options: argparse.Namespace) -> "ClassFolder":
    from helpers._classroom.folder import ClassFolder

    return ClassFolder(options.folder)


def _command(options: argparse.Namespace, task: str) -> str:
    return _folder(options).command(task)


def _tell(text: str) -> None:
    print(text, flush=True)


def _start(options: argparse.Namespace) -> int:
    from helpers._classroom import server, students

    folder = _folder(options)
    folder.create()
    wishes = server.Wishes(
        options.bind, options.host, options.port, options.tls, options.memory, options.language, options.engine,
        options.keep,
    )  # fmt: skip
    with folder.one_command():
        before = server.load(folder) if folder.exists else None
        try:
            started = server.start(folder, wishes, language(), lambda one: students.configured(folder, one), _tell)
            students.settle(folder)
        except BaseException:
            if before is None:
                if folder.exists:
                    server.stop(folder, server.load(folder))
                folder.clean()
            raise
    client, _ = server.signed_in(folder)
    what = formats.facts(started.where, _version(client), started.memory, "TLS" if started.tls else "")
    _tell(say("The class's server is running: {facts}.", facts=what))
    if started.host.startswith("127.") or started.host in ("localhost", "::1"):
        _tell(
            say(
                "Only this computer can reach it. To let a room use it, connect to the room's network, and pass this "
                "computer's address in that network: --bind ADDRESS"
            )
        )
    elif not started.tls:
        _tell(say("Passwords and chats cross the network unencrypted. On a network that you don't trust, use --tls."))
    if not started.keep:
        _tell(say("Chats are kept in memory only, so a restart loses them."))
    _tell(
        say(
            "The server keeps running when you close this terminal. Only you can read its folder, {folder}; don't "
            "share what is in it.",
            folder=str(folder.path),
        )
    )
    if known := len(students.load(folder)):
        if before and (before.where, before.digest) != (started.where, started.digest):
            _tell(say("The server's address or certificate has changed, so the students need new lines."))
        to_see = _command(options, "list --lines")
        _tell(say("Students: {count}. To see their lines, run: {command}", count=formats.number(known), command=to_see))
    else:
        _tell(say("To add students, run: {command}", command=_command(options, "add 30")))
    teacher = f'export REDIS_URL="$(cat {shlex.quote(str(options.folder / "teacher.txt"))})"'
    _tell(say("To connect as the teacher on this computer, run: {command}", command=teacher))
    _tell(say("At the end of the class, run: {command}", command=_command(options, "stop")))
    return 0


def _add(options: argparse.Namespace) -> int:
    from helpers._classroom import names, students

    found, new = _with_new_passwords(options, students.add)
    for one in new:
        if (short := names.letters(one.name)) not in ("", one.slug):
            _tell(
                say(
                    "The short name {short} is taken, so {name} gets {slug}.",
                    short=short,
                    name=names.clipped(one.name),
                    slug=one.slug,
                )
            )
    _show_lines(options, found, new)
    _write_handouts(options, found, new)
    return 0


def _reset(options: argparse.Namespace) -> int:
    from helpers._classroom import students

    found, chosen = _with_new_passwords(options, students.reset)
    _tell(say("The old addresses no longer work, and their connections were ended. The chats are still there."))
    _show_lines(options, found, chosen)
    _write_handouts(options, found, chosen)
    return 0


def _with_new_passwords(
    options: argparse.Namespace, change: "Callable[[ClassFolder, list[str]], list[Student]]"
) -> "tuple[ClassServer, list[Student]]":
    """Carry out what gives students passwords, once it is sure that handouts of them can be written."""
    from helpers._classroom import handouts, server

    folder = _folder(options)
    folder.check()
    if options.handouts:
        handouts.see_to(options.handouts)
    with folder.one_command():
        chosen = change(folder, options.names)
    return server.load(folder), chosen


def _list(options: argparse.Namespace) -> int:
    from helpers._classroom import handouts, names, server, students
    from helpers._classroom.state import idle_seconds
    from helpers.sessions import find_sessions

    folder = _folder(options)
    client, found = server.signed_in(folder)
    known = students.load(folder)
    chosen = students.find(folder, known, options.names) if options.names else list(known.values())
    if options.handouts:
        handouts.see_to(options.handouts)
    if options.lines:
        _show_lines(options, found, chosen)
        _write_handouts(options, found, chosen)
        return 0
    stored: dict[str, list[Any]] = {}
    for some in find_sessions(client):
        for session in some:
            stored.setdefault(students.owner(session.key), []).append(session)
    untyped: Any = client
    connected = idle_seconds(untyped.client_list())
    rows = [[say("Name"), say("Short name"), say("Connected"), say("Sessions"), say("Messages"), say("Bytes")]]
    for one in chosen:
        own = stored.get(one.slug, [])
        rows.append(
            [
                names.clipped(one.name),
                one.slug,
                say("yes") if one.slug in connected else "–",
                formats.number(len(own)),
                formats.number(sum(session.messages for session in own)),
                formats.size(sum(session.bytes for session in own)),
            ]
        )
    for line in formats.aligned(rows):
        _tell(line)
    memory: Any = client.info("memory")
    _tell(
        say(
            "Students: {count}. Connected: {connected}. Memory: {used} of {limit}.",
            count=formats.number(len(chosen)),
            connected=formats.number(sum(one.slug in connected for one in chosen)),
            used=formats.size(memory["used_memory"]),
            limit=formats.size(memory["maxmemory"]),
        )
    )
    if memory["used_memory"] > 0.9 * memory["maxmemory"]:
        _tell(
            say(
                "The memory is nearly full: the server will refuse writes. Have sessions deleted, or stop the server "
                "and start it with more: {command}",
                command=_command(options, "start --memory 1gb"),
            )
        )
    _write_handouts(options, found, chosen)
    return 0


def _export(options: argparse.Namespace) -> int:
    from helpers._classroom import exporting

    folder = _folder(options)
    _tell(say("Exporting all sessions …"))
    done = exporting.export(folder, options.file)
    _tell(say("{file}: sessions: {count}", file=options.file, count=formats.number(done.sessions)))
    _tell(say("{file}: students: {count}", file=str(done.progress), count=formats.number(done.students)))
    _tell(say("Both files are unencrypted and hold personal data. Delete them when you no longer need them."))
    return 0


def _watch(options: argparse.Namespace) -> int:
    from helpers._classroom import server

    client, _ = server.signed_in(_folder(options))
    pkgutil.resolve_name("helpers._classroom.watching:watch")(client, sys.stdout)
    return 0


def _remove(options: argparse.Namespace) -> int:
    from helpers._classroom import students

    folder = _folder(options)
    folder.check()
    with folder.one_command():
        done = students.remove(folder, None if options.all else options.names)
    _tell(
        say(
            "Students removed: {students}. Keys deleted: {keys}.",
            students=formats.number(done.students),
            keys=formats.number(done.keys),
        )
    )
    return 0


def _stop(options: argparse.Namespace) -> int:
    from helpers._classroom import server, students

    folder = _folder(options)
    folder.check()
    with folder.one_command():
        found = server.load(folder)
        was_running = server.is_running(folder)
        is_empty = not students.load(folder) and not _stored(folder) if was_running else False
        killed = server.stop(folder, found)
        left = folder.clean() if options.delete or is_empty else None
    if not was_running:
        _tell(say("The server was not running."))
    elif killed:
        _tell(say("The server did not end by itself and was killed."))
    else:
        _tell(say("The server has ended."))
    if left is None:
        if found.keep:
            _tell(say("The students and their chats are kept in {folder}.", folder=str(folder.path)))
        else:
            _tell(say("The students are kept in {folder}; their chats are lost.", folder=str(folder.path)))
        _tell(say("To continue, run: {command}", command=_command(options, "start")))
        _tell(say("To delete everything, run: {command}", command=_command(options, "stop --delete")))
    elif left:
        _tell(
            say(
                "These files are not the class's and stay in {folder}: {files}",
                folder=str(folder.path),
                files=formats.listing(left),
            )
        )
    else:
        _tell(say("Nothing of the class is left: {folder} was deleted.", folder=str(folder.path)))
    return 0


def _stored(folder: "ClassFolder") -> int:
    """How many keys are on the server that are not the class's own; some, if it does not say."""
    from helpers._classroom.rules import ABOUT
    from helpers._classroom.server import signed_in
    from helpers.errors import HelpersError

    with suppress(HelpersError):
        client, _ = signed_in(folder)
        found: Any = client.dbsize()
        return int(found) - int(client.exists(ABOUT))
    return 1


def _version(client: Any) -> str:
    info = client.info("server")
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"


def _show_lines(options: argparse.Namespace, found: "ClassServer", chosen: "list[Student]") -> None:
    """The line that each student pastes, and what to paste elsewhere."""
    from helpers._classroom import handouts, names

    rows = [[names.clipped(one.name), one.slug, handouts.lines(one.address(found))[0][1]] for one in chosen]
    for line in formats.aligned(rows):
        _tell(line)
    if not chosen:
        return
    _tell(say("Give each line to its student only."))
    blank = say("ADDRESS")
    for shell, line in handouts.lines(blank)[1:]:
        _tell(
            say(
                "In {shell}, paste this line, with the student's address in place of {address}: {line}",
                shell=shell,
                address=blank,
                line=line,
            )
        )
    _tell(say("In a notebook's form, enter only the address in the field ENDPOINT."))
    if not options.handouts:
        to_print = _command(options, "list --handouts handouts.html")
        _tell(say("To print a page for each student, run: {command}", command=to_print))


def _write_handouts(options: argparse.Namespace, found: "ClassServer", chosen: "list[Student]") -> None:
    from helpers._classroom import handouts

    if options.handouts:
        handouts.write(options.handouts, found, chosen)
        _tell(
            say(
                "{file} has a page for each student. Open it in a browser and print it. It contains passwords, so "
                "delete it afterwards.",
                file=options.handouts,
            )
        )
