"""What this environment is, has and lacks, on one screen."""

import os
import re
import secrets
import shutil
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from helpers._localization import formats
from helpers._localization.messages import say, words
from helpers.environment import Platform, done_in_time, environment

Status = Literal["good", "warning", "bad"]

DISTRIBUTION = "chat-history-tutorials"
TESTED_PYTHONS = ((3, 11), (3, 14))
"""The oldest and the newest Python that the tests run on."""
_MARKS = {"good": "✓", "warning": "!", "bad": "✗"}
_SHOWN = ("redis", "langchain-core", "ipywidgets")
_EXTRAS = ("embedded", "models", "memorystore", "cluster", "widgets", "emulator", "agents")
_LOOK_SECONDS, _REDIS_SECONDS = 10.0, 15.0  # an instance's name is looked up before anything is connected to
_PINGS, _PING_SECONDS = 20, 1.0
_SLOW_MILLISECONDS = 50.0
_MODEL_SECONDS = 4.0
_SCARCE_BYTES, _TOO_FEW_BYTES = 1 << 30, 100 << 20

# What histories need, and what one can do without: widgets, sessions, or an administrator's commands.
_NEEDED = (
    ("EVAL", "EVAL", "return 1", 0),
    ("LRANGE", "LRANGE", "message_store:doctor", 0, 0),
    ("LLEN", "LLEN", "message_store:doctor"),
)
# What agents' threads need beside EVAL, tried on a key that there is not: of a field without a value HSET sets nothing.
_NOWHERE = f"thread:doctor-{secrets.token_hex(8)}"
_THREADS_NEED = (
    ("EVALSHA", "EVALSHA", "0" * 40, 0),
    ("EXISTS", "EXISTS", _NOWHERE),
    ("SET", "SET", _NOWHERE, 1, "XX"),
    ("HGET", "HGET", _NOWHERE, "life"),
    ("HMGET", "HMGET", _NOWHERE, "life"),
    ("HSET", "HSET", _NOWHERE, "life", 1, "no value"),
    ("HDEL", "HDEL", _NOWHERE, "life"),
    ("HGETALL", "HGETALL", _NOWHERE),
    ("EXPIRE", "EXPIRE", _NOWHERE, 1),
    ("DEL", "DEL", _NOWHERE),
    ("TYPE", "TYPE", _NOWHERE),
)
# The answers that say that a user may use the command, on other keys than the one tried here, or otherwise: each Redis
# words the first differently.
_ALLOWED = re.compile(r"access (one of the|a) keys?\b|No matching script|[wW]rong number of arg|used memory")
_OPTIONAL = (
    ("SCAN", "SCAN", 0, "COUNT", 1),
    ("CONFIG", "CONFIG", "GET", "maxmemory-policy"),
    ("CLIENT", "CLIENT", "ID"),
    ("ACL", "ACL", "WHOAMI"),
)


@dataclass(frozen=True)
class Check:
    """One line of a report.

    Attributes:
        name: What was looked at.
        status: ``good``, ``warning`` or ``bad``.
        found: What was found.
        advice: What to do; empty if there is nothing to do.
    """

    name: str
    status: Status
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """The state of an environment. It prints as text and shows as a table.

    Attributes:
        checks: The lines.
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is bad; warnings don't count."""
        return all(check.status != "bad" for check in self.checks)

    def __str__(self) -> str:
        width = max(formats.width(check.name) for check in self.checks)
        lines = []
        for check in self.checks:
            padding = " " * (width - formats.width(check.name))
            lines.append(f"{_MARKS[check.status]} {check.name}{padding}  {check.found}")
            lines += [f"  {'':<{width}}  → {line}" for line in check.advice.splitlines()]
        return "\n".join([*lines, "", self._verdict()])

    __repr__ = __str__

    def _repr_html_(self) -> str | None:
        try:
            from helpers.widgets import pages
        except ImportError:  # without the extra for widgets, Jupyter shows the text
            return None
        meanings = {"good": say("good"), "warning": say("warning"), "bad": say("problem")}
        return str(
            pages.render(
                "report.html",
                checks=self.checks,
                marks=_MARKS,
                meanings=meanings,
                title=say("Checkup"),
                verdict=self._verdict(),
            )
        )

    def _verdict(self) -> str:
        bad = sum(check.status == "bad" for check in self.checks)
        warned = sum(check.status == "warning" for check in self.checks)
        if not bad and not warned:
            return say("Ready: all is well.")
        to_check = formats.number(warned)
        if not bad:
            return say("Ready. To check: {warned}.", warned=to_check)
        return say("Not ready. To fix: {bad}; to check: {warned}.", bad=formats.number(bad), warned=to_check)


def doctor(endpoint: str | None = None) -> Report:
    """Look at this environment as a teacher would before a lesson, within some seconds.

    Whatever does not answer in time is reported as such: Redis after 15 seconds (an instance's name is looked up
    first), the model, Google Cloud and everything else after 10 each. A silent Redis host takes 4, a model 4.

    Nothing is changed, created or paid for. Google Cloud is asked only if a project is set, a model only if you have
    configured your own. No secret is in the report.

    Args:
        endpoint: The Redis to look at, all that `connect` takes; ``None`` as there.

    Returns:
        A report that prints as text and shows as a table. What fails is a line of it, and raises nothing.
    """
    checks: list[Check] = []
    for name, look in (
        ("Python", _python),
        (say("Packages"), _packages),
        (say("Platform"), _platform),
        (say("Names"), _shadows),
        ("Redis", lambda: _redis(endpoint)),
        (say("Model"), _model),
        ("Google Cloud", _google_cloud),
        (say("Disk"), _disk),
    ):
        found = _within(_REDIS_SECONDS if name == "Redis" else _LOOK_SECONDS, look)
        checks += [Check("" if place else name, *one) for place, one in enumerate(found)]
    return Report(tuple(checks))


Finding = tuple[Status, str, str]


def _within(seconds: float, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a look finds in time: not every wait has an end."""
    found: list[Finding] = []

    def run() -> None:
        try:
            for one in look():
                found.append(one)
        except Exception as error:
            first, _, advice = str(error).partition("\n")
            found.append(("bad", first or type(error).__name__, advice))

    if not done_in_time(run, seconds, "helpers-doctor"):
        late = say("no answer within {time}", time=formats.seconds(seconds))
        return [*found, ("bad", late, say("Check the network and the address, then try again."))]
    return found


def _python() -> Iterator[Finding]:
    version, (oldest, newest) = sys.version_info[:2], TESTED_PYTHONS
    found = f"{sys.version.split()[0]} ({sys.executable})"
    if version < oldest:
        yield "bad", found, say("Use Python {oldest} or newer.", oldest="{}.{}".format(*oldest))
    elif version > newest:
        yield "warning", found, say("Tested up to Python {newest}.", newest="{}.{}".format(*newest))
    else:
        yield "good", found, ""


def _packages() -> Iterator[Finding]:
    try:
        wanted = [Requirement(one) for one in metadata.requires(DISTRIBUTION) or ()]
    except metadata.PackageNotFoundError:
        yield "warning", say("The kit is not installed, only found on the path."), "pip install -e ."
        return

    def brought(extra: str) -> list[Requirement]:
        return [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": extra})]

    versions, core, inside = {one.name: _installed(one.name) for one in wanted}, brought(""), 0
    absent = [extra for extra in _EXTRAS if not all(versions[one.name] for one in brought(extra) if one not in core)]
    present = [one for extra in ("", *_EXTRAS) if extra not in absent for one in brought(extra)]
    for one in {(one.name, one.specifier): one for one in present}.values():
        version = versions[one.name]
        if version and one.specifier.contains(version, prereleases=True):
            inside += 1
            continue
        said = words("{package} {version} is outside of {range}.") if version else words("{package} is missing.")
        said = say(said, package=one.name, version=version or "", range=str(one.specifier))
        yield "bad", said, f'pip install "{str(one).partition(";")[0]}"'
    shown = formats.listing(f"{name} {version}" for name in _SHOWN if (version := _installed(name)))
    count = formats.number(inside)
    yield "good", say("{count} in the supported version ranges, including {packages}", count=count, packages=shown), ""
    if absent:
        command = f'pip install "{DISTRIBUTION}[{",".join(absent)}]"'
        yield "good", say("not installed, and not always needed: {extras}", extras=formats.listing(absent)), command


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _platform() -> Iterator[Finding]:
    here = environment()
    where = say("in a notebook") if here.notebook else say("in a terminal")
    platforms = {Platform.CI: say("continuous integration"), Platform.LOCAL: say("this computer")}
    yield "good", formats.facts(platforms.get(here.platform, str(here.platform)), where), ""


def _shadows() -> Iterator[Finding]:
    """Files beside the notebook that hide a library of the same name."""
    here = Path.cwd().resolve()
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != here]
    for name in ("redis", "helpers", "langchain_core", "openai"):
        spec = PathFinder.find_spec(name, [str(here)])
        origin = Path(spec.origin) if spec is not None and spec.origin else None
        # A clone of the kit is the kit, whatever else is installed.
        if origin and PathFinder.find_spec(name, elsewhere) and not origin.with_name("_doctor").exists():
            file = origin.relative_to(here).parts[0]
            yield "bad", say("{file} here shadows the library.", file=file), say("Rename {file}.", file=file)
            return
    yield "good", say("No file here shadows a library."), ""


def _redis(endpoint: str | None) -> Iterator[Finding]:
    import redis

    from helpers._classroom import preflight, rules
    from helpers._connecting.connection import address

    student = rules.student(address(endpoint))
    try:
        client = yield from _reached(endpoint)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        if not student:
            raise
        yield preflight.unreachable(error, address(endpoint))
        return
    if client is None:
        return
    yield from _commands(client)
    if student:
        yield from preflight.look(client, student)


def _reached(endpoint: str | None) -> Generator[Finding, None, Any]:
    """The client of a server that serves chats, if it does."""
    from helpers._connecting.connection import address, connect, peculiarity

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is said below
        client: Any = connect(endpoint)
    if peculiar := peculiarity(client):
        answer, advice = peculiar
        yield "bad", answer, say(advice)
        return None
    times: list[float] = []
    while len(times) < _PINGS and sum(times) < _PING_SECONDS * 1000:
        started = time.perf_counter()
        client.ping()
        times.append((time.perf_counter() - started) * 1000)
    latency = statistics.median(times)
    server = say("reachable") if address(endpoint) else say("embedded server")
    found = formats.facts(server, _version(client), formats.milliseconds(latency))
    slow = latency > _SLOW_MILLISECONDS
    advice = say("Each turn of a chat takes two round trips: run this closer to the server.") if slow else ""
    yield "warning" if slow else "good", found, advice
    return client


def _version(client: Any) -> str:
    try:
        info = client.info("server")
    except Exception:
        return say("version unknown")
    info = next(iter(info.values())) if isinstance(next(iter(info.values()), None), dict) else info
    for name in ("valkey", "redis"):
        if version := info.get(f"{name}_version"):
            return f"{name.capitalize()} {version}"
    return say("version unknown")


def _commands(client: Any) -> Iterator[Finding]:
    """What the server refuses to this user, tried with commands that change nothing."""
    import redis

    from helpers.errors import RIGHTS, THREAD_RIGHTS

    def refused(commands: tuple[tuple[Any, ...], ...]) -> list[str]:
        names = []
        for name, *command in commands:
            try:
                if isinstance(client, redis.RedisCluster) and name in ("SCAN", "CONFIG", "CLIENT", "ACL"):
                    client.execute_command(*command, target_nodes=client.get_default_node())
                else:
                    client.execute_command(*command)
            except redis.ResponseError as error:
                if not _ALLOWED.search(str(error)):
                    names.append(name)
        return names

    if needed := refused(_NEEDED):
        yield (
            "bad",
            say("Refused: {commands}", commands=formats.listing(needed)),
            say("Histories need them: give this user {rights}.", rights=RIGHTS),
        )
    if optional := refused(_OPTIONAL):
        scan = "SCAN" in optional
        advice = say("SessionExplorer needs SCAN.") if scan else ""
        yield (
            "warning" if scan else "good",
            say(
                "Blocked, and not needed: {commands}",
                commands=formats.listing(one for one in optional if one != "SCAN"),
            )
            if optional != ["SCAN"]
            else say("Refused: {commands}", commands="SCAN"),
            advice,
        )
    if missing := refused(_THREADS_NEED):
        yield (
            "warning",
            say("Missing for agents: {commands}", commands=formats.listing(missing)),
            say("Agents' threads need them: give this user {rights}.", rights=THREAD_RIGHTS),
        )
    if "CONFIG" not in optional:
        policy = client.config_get("maxmemory-policy")
        policy = next(iter(policy.values()), "") if policy else ""
        if str(policy).startswith("allkeys"):
            yield (
                "warning",
                f"maxmemory-policy {policy}",
                say("When memory runs out, this server deletes chats, even those that are set never to expire."),
            )


def _model() -> Iterator[Finding]:
    from helpers._models.choice import chat_model

    model: Any = chat_model()
    if model._llm_type == "offline":
        yield "good", say("the offline model; set OPENAI_API_KEY or OPENAI_BASE_URL to use your own"), ""
        return
    name, where = model.model_name, re.sub(r"//[^/@]*@", "//", str(model.root_client.base_url))
    try:
        model.root_client.with_options(timeout=_MODEL_SECONDS, max_retries=0).models.list()
    except Exception as error:
        status = getattr(error, "status_code", None)
        if status in (404, 405):  # a server that has no list of models still answers
            yield "good", formats.facts(name, where), ""
        elif status in (401, 403):
            yield (
                "bad",
                say("{model} at {where}: the key is refused.", model=name, where=where),
                say("Check OPENAI_API_KEY."),
            )
        else:
            yield (
                "bad",
                say("{model} at {where}: no answer ({kind}).", model=name, where=where, kind=type(error).__name__),
                say("Check the network and OPENAI_BASE_URL, or unset both variables to use the offline model."),
            )
        return
    yield "good", formats.facts(name, where), ""


def _google_cloud() -> Iterator[Finding]:
    from helpers._credentials.authentication import PROJECT_VARIABLE, application_default_credentials
    from helpers.environment import EMULATOR_VARIABLE

    project = os.environ.get(PROJECT_VARIABLE, "").strip()
    if host := os.environ.get(EMULATOR_VARIABLE, "").strip():
        yield "good", say("an emulator at {host}", host=host), ""
        return
    if not project:
        yield "good", say("not used: {variable} is not set", variable=PROJECT_VARIABLE), ""
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        credentials = application_default_credentials(project)
    kind = type(credentials).__module__.rpartition(".")[2]
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials.refresh(Request())
    except GoogleAuthError as error:
        yield (
            "bad",
            say("project {project}: the credentials are refused ({kind}).", project=project, kind=type(error).__name__),
            say("Run: {command}", command="gcloud auth application-default login"),
        )
        return
    left = ""
    if credentials.expiry is not None:
        seconds = (credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
        left = say("token valid for {time}, renewed automatically", time=formats.minutes(seconds))
    yield "good", formats.facts(say("project {project}, credentials: {kind}", project=project, kind=kind), left), ""


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free
    found = say("{size} free", size=formats.size(free))
    if free < _TOO_FEW_BYTES:
        yield "bad", found, say("Free some space: notebooks can't be saved.")
    elif free < _SCARCE_BYTES:
        yield "warning", found, say("Disk space is low.")
    else:
        yield "good", found, ""
