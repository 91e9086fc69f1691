"""Instances by name, whichever of the two services has them."""

from typing import Any

from helpers._connecting.clients import Connector
from helpers._localization.messages import say
from helpers.memorystore.access import instance, valkey
from helpers.memorystore.api.finding import Found, find
from helpers.memorystore.api.names import TITLES, ResourceName


def connector(name: str, options: dict[str, Any]) -> Connector:
    """The way to the instance of a full name; `options` are as for its redis-py client, with those of `connect`."""
    found = find(ResourceName.of_instance(name))
    return _home(found, options).connector(found, options)  # type: ignore[no-any-return]


def connection_pool_options(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a redis-py connection pool whose connections reach the instance of a full name."""
    found = find(ResourceName.of_instance(name))
    return _home(found, options).connection_pool_options(found, options)  # type: ignore[no-any-return]


def _home(found: Found, options: dict[str, Any]) -> Any:
    if found.resource.service == "valkey":
        return valkey
    for name in [name for name in ("reader", "network") if options.pop(name, None)]:
        raise ValueError(
            f"{name}= goes with {TITLES['valkey']}, and {found.resource} is one of {TITLES['redis']}.\n"
            + say("Leave {name}= out.", name=name)
        )
    return instance
