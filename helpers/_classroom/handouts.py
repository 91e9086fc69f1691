"""What the students are given: the line to paste, and a page each to be printed, which needs no network."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from helpers._classroom.folder import write_private
from helpers._localization.messages import say, speaking
from helpers.errors import ClassroomError, require

if TYPE_CHECKING:
    from helpers._classroom.server import ClassServer
    from helpers._classroom.students import Student

_GENERATOR = "chat-history-tutorials handouts"
_SHELLS = "Linux, macOS, WSL", "Windows PowerShell", "Windows cmd"


def lines(address: str) -> list[tuple[str, str]]:
    """The line to paste for each kind of terminal: what the terminal is called, and the line.

    Args:
        address: The student's address.
    """
    forms = f"export REDIS_URL='{address}'", f"$env:REDIS_URL = '{address}'", f'set "REDIS_URL={address}"'
    return list(zip(_SHELLS, forms, strict=True))


def page(server: "ClassServer", students: "Sequence[Student]") -> str:
    """The handouts, in the language of the class: one page of HTML, which prints as a page for each student.

    Args:
        server: The class's server.
        students: Whom they are for.

    Raises:
        MissingExtraError: What draws them is not installed.
    """
    require("class", "jinja2", "segno")
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("helpers._classroom"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    systems = _SHELLS[0], "Windows"
    checks = ".venv/bin/python -m helpers doctor", r".venv\Scripts\python -m helpers doctor"
    opens = "make lab", r".venv\Scripts\python -m tools lab"
    with speaking(server.language):
        shown = [
            {
                "slug": one.slug,
                "name": one.name,
                "address": one.address(server),
                "lines": lines(one.address(server)),
                "code": _code(one.address(server)),
            }
            for one in students
        ]
        return templates.get_template("handouts.html").render(
            lang=server.language,
            generator=_GENERATOR,
            title=say("Handouts of the class"),
            place=say("Class server: {address}", address=server.where),
            pictured=say("Your address from step 1"),
            paste=say("Open a terminal in the kit's folder, and paste the line for your system:"),
            check=say(
                "In the same terminal, check that everything is ready. The last line that this command prints says "
                "whether it is:"
            ),
            checks=list(zip(systems, checks, strict=True)),
            open=say(
                "Start JupyterLab in that terminal with the command below, open {notebook} and choose Run → Run All "
                "Cells.",
                notebook=f"{server.language}/01_redis.ipynb",
            ),
            opens=list(zip(systems, opens, strict=True)),
            form=say(
                "If your notebook runs elsewhere in this network, enter the address below in its form, in the field "
                "ENDPOINT. The address is then saved with the notebook, so don't pass the notebook on."
            ),
            private=say(
                "This page is for you alone. Anyone who has the address can read and change your chats, and your "
                "teacher can read them too."
            ),
            students=shown,
        )


def write(file: Path, server: "ClassServer", students: "Sequence[Student]") -> None:
    """Write the handouts into a file that only its owner can read.

    Args:
        file: Where they go. Handouts that are there are replaced.
        server: The class's server.
        students: Whom they are for.

    Raises:
        ClassroomError: Another file is there, or it can't be written.
        MissingExtraError: What draws them is not installed.
    """
    see_to(file)
    try:
        write_private(file, [page(server, students)])
    except OSError as error:
        raise _unwritable(file, error) from error


def see_to(file: Path) -> None:
    """See that handouts can be written into a file, before passwords are made for them.

    Raises:
        ClassroomError: Another file is there, or there is no such folder.
        MissingExtraError: What draws them is not installed.
    """
    require("class", "jinja2", "segno")
    if not os.access(file.absolute().parent, os.W_OK):
        raise ClassroomError(
            f"The handouts can't be written into {file.absolute().parent}.\n"
            + say("Name a file in a folder that exists and that you can write to.")
        )
    try:
        with file.open("rb") as found:
            others = _GENERATOR.encode() not in found.read(1000)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(file, error) from error
    if others:
        raise ClassroomError(
            f"{file} exists, and is not a page of handouts.\n"
            + say("Choose another name, so that the file isn't lost.")
        )


def _unwritable(file: Path, error: OSError) -> ClassroomError:
    return ClassroomError(
        f"The handouts can't be written into {file}: {error.strerror}.\n"
        + say("Name a file in a folder that exists and that you can write to.")
    )


def _code(address: str) -> object:
    """An address as a QR code, ready for a page."""
    import segno
    from markupsafe import Markup

    # The fewer squares the better a camera reads them from paper, on which little gets lost.
    code = segno.make(address, error="l", micro=False)
    label = say("QR code of the address")
    drawn = code.svg_inline(omitsize=True, light="#fff", border=4, svgclass=None, lineclass=None)
    assert drawn.startswith("<svg ")
    return Markup('<svg role="img" aria-label="{}" {}').format(label, Markup(drawn[5:]))  # noqa: S704 - drawn here
