"""What every service of the emulator is served with: handlers, names taken apart, and lists in pages.

Google's libraries ship no servicer classes, so methods are registered as generic handlers.
"""

import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
import grpc.aio
from grpc_status import rpc_status

from helpers.emulator.api.errors import Api, ApiError, invalid

Methods = dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]]
"""What answers each method, and the class of its request."""

_LARGEST_PAGE = 1000
_Item = TypeVar("_Item")


def handler(service: str, api: Api, methods: Methods) -> grpc.GenericRpcHandler:
    """What a gRPC server needs to serve one service.

    Args:
        service: Its full name.
        api: The service whose domain stands in its errors.
        methods: What answers each of its methods.
    """
    handlers = {name: _method(api, answer, request) for name, (answer, request) in methods.items()}
    return grpc.method_handlers_generic_handler(service, handlers)


def _method(api: Api, answer: Callable[[Any], Awaitable[Any]], request_type: Any) -> grpc.RpcMethodHandler:
    async def serve(request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
        try:
            return await answer(request)
        except ApiError as error:
            status = rpc_status.to_status(error.status(api))
            await context.abort(error.code, status.details, status.trailing_metadata)

    return grpc.unary_unary_rpc_method_handler(
        serve,
        # proto-plus's classes and protobuf's own name the same things differently.
        request_deserializer=getattr(request_type, "deserialize", None) or request_type.FromString,
        response_serializer=_serialized,
    )


def _serialized(message: Any) -> bytes:
    encoded: bytes = (
        message.SerializeToString() if hasattr(message, "SerializeToString") else type(message).serialize(message)
    )
    return encoded


def parts(name: str, *collections: str, field: str = "name") -> list[str]:
    """The IDs in a resource name.

    Args:
        name: The resource name.
        *collections: What stands before each ID but the project's.
        field: The request's field that it is in.

    Raises:
        ApiError: INVALID_ARGUMENT: the name is of another form.
    """
    form = "/".join(("projects/*", *(f"{each}/*" for each in collections)))
    found = re.fullmatch(form.replace("*", "([^/]+)"), name)
    if not found:
        raise invalid(field, f"'{name}' is not of the form {form}.")
    return list(found.groups())


def name_of(item: Any) -> str:
    """A resource's full name."""
    return str(item.name)


def page(items: Sequence[_Item], request: Any) -> tuple[list[_Item], str]:
    """The items of the page that a request asks for, and the next page's token. Items are in the order of their names.

    The token holds the last name given out, so what comes and goes in between shifts nothing.
    """
    if request.page_size < 0:
        raise invalid("page_size", "it can't be negative.")
    size = min(request.page_size or _LARGEST_PAGE, _LARGEST_PAGE)
    try:
        after = base64.urlsafe_b64decode(request.page_token).decode()
    except ValueError:
        raise invalid("page_token", "it is not one of this service's.") from None
    rest = [item for item in items if name_of(item) > after]
    more = len(rest) > size
    return rest[:size], base64.urlsafe_b64encode(name_of(rest[size - 1]).encode()).decode() if more else ""


def refuse_filters(request: Any) -> None:
    """Refuse a list in another order, or of a part, rather than give another one than was asked for.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    if request.filter:
        raise invalid("filter", "the emulator has no filters.")
    if request.order_by not in ("", "name"):
        raise invalid("order_by", "the emulator's lists are in the order of names.")
