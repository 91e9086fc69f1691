"""Both services' APIs as a small gRPC server: one instance each, and whatever answers a test wants of them."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from google.cloud import memorystore_v1, redis_v1
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from helpers._credentials import emulated

LOCATION = "projects/a-project/locations/us-central1"
NAME = f"{LOCATION}/instances/chat"
REDIS, VALKEY = f"//redis.googleapis.com/{NAME}", f"//memorystore.googleapis.com/{NAME}"


class Api:
    """What one service has and answers.

    Attributes:
        instance: Its instance; ``None``: there is none.
        failure: What every call is refused with: code, message and, where there is one, reason and metadata.
        gate: What every call waits for.
    """

    def __init__(self) -> None:
        self.instance: Any = None
        self.failure: tuple[Any, ...] | None = None
        self.gate = threading.Event()
        self.gate.set()


class Apis:
    """Memorystore for Redis and Memorystore for Valkey.

    Attributes:
        calls: How often each method was called, ``redis GetInstance`` and so on.
        failures: What single methods are refused with, as `Api.failure`.
        authorities: The chains of the Valkey instance's authorities, or of those that its region shares.
        users: The Valkey instance's token users, each with its tokens, the newest last.
        tokens_in_list: Whether listing tokens shows them, rather than only their names.
        access_tokens: Those that were issued, the newest last.
        on_access_token: Called with each access token before it is handed out.
    """

    def __init__(self) -> None:
        self.redis, self.valkey = Api(), Api()
        self.calls: Counter[str] = Counter()
        self.failures: dict[str, tuple[Any, ...]] = {}
        self.authorities: list[list[str]] = []
        self.users: dict[str, list[str]] = {}
        self.tokens_in_list = False
        self.access_tokens: list[str] = []
        self.on_access_token: Callable[[str], None] = lambda token: None

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve both over gRPC; host and port."""
        server = grpc.server(futures.ThreadPoolExecutor(8))
        v1, r1 = memorystore_v1, redis_v1
        services: dict[str, tuple[Api, str, dict[str, tuple[Any, Any, Any]]]] = {
            "google.cloud.redis.v1.CloudRedis": (
                self.redis,
                "redis",
                {
                    "GetInstance": (lambda request: self.redis.instance, r1.GetInstanceRequest, r1.Instance),
                    "GetInstanceAuthString": (
                        lambda request: r1.InstanceAuthString(auth_string="an AUTH string"),
                        r1.GetInstanceAuthStringRequest,
                        r1.InstanceAuthString,
                    ),
                },
            ),
            "google.cloud.memorystore.v1.Memorystore": (
                self.valkey,
                "valkey",
                {
                    "GetInstance": (lambda request: self.valkey.instance, v1.GetInstanceRequest, v1.Instance),
                    "GetCertificateAuthority": (
                        lambda request: v1.CertificateAuthority(managed_server_ca=self._chains()),
                        v1.GetCertificateAuthorityRequest,
                        v1.CertificateAuthority,
                    ),
                    "GetSharedRegionalCertificateAuthority": (
                        lambda request: v1.SharedRegionalCertificateAuthority(managed_server_ca=self._chains()),
                        v1.GetSharedRegionalCertificateAuthorityRequest,
                        v1.SharedRegionalCertificateAuthority,
                    ),
                    "ListTokenAuthUsers": (
                        lambda request: v1.ListTokenAuthUsersResponse(
                            token_auth_users=[{"name": f"{NAME}/tokenAuthUsers/{user}"} for user in self.users]
                        ),
                        v1.ListTokenAuthUsersRequest,
                        v1.ListTokenAuthUsersResponse,
                    ),
                    "ListAuthTokens": (self._list_tokens, v1.ListAuthTokensRequest, v1.ListAuthTokensResponse),
                    "GetAuthToken": (self._token, v1.GetAuthTokenRequest, v1.AuthToken),
                },
            ),
            emulated.SERVICE: (
                Api(),
                "iam",
                {
                    emulated.METHOD: (
                        self._access_token,
                        emulated.GenerateAccessTokenRequest,
                        emulated.GenerateAccessTokenResponse,
                    )
                },
            ),
        }
        for service, (answering, title, methods) in services.items():
            handlers = {
                method: grpc.unary_unary_rpc_method_handler(
                    self._handler(answering, f"{title} {method}", call),
                    request_deserializer=request.deserialize,
                    response_serializer=answer.serialize,
                )
                for method, (call, request, answer) in methods.items()
            }
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            for one in (self.redis, self.valkey):
                one.gate.set()
            server.stop(0).wait()

    def _handler(self, answering: Api, title: str, call: Any) -> Any:
        def handle(request: Any, context: grpc.ServicerContext) -> Any:
            self.calls[title] += 1
            answering.gate.wait(30)
            if failure := self.failures.get(title, answering.failure):
                abort(context, *failure)
            if "GetInstance" in title and answering.instance is None:
                abort(context, grpc.StatusCode.NOT_FOUND, f"Resource '{request.name}' was not found")
            return call(request)

        return handle

    def _chains(self) -> Any:
        return {"ca_certs": [{"certificates": chain} for chain in self.authorities]}

    def _list_tokens(self, request: Any) -> memorystore_v1.ListAuthTokensResponse:
        tokens = [
            memorystore_v1.AuthToken(
                name=f"{request.parent}/authTokens/{number}",
                token=token if self.tokens_in_list else "",
                create_time={"seconds": 1_700_000_000 + number},
                state="ACTIVE",
            )
            for number, token in enumerate(self.users[request.parent.rpartition("/")[2]])
        ]
        return memorystore_v1.ListAuthTokensResponse(auth_tokens=tokens)

    def _token(self, request: Any) -> memorystore_v1.AuthToken:
        *_, user, _, number = request.name.split("/")
        return memorystore_v1.AuthToken(name=request.name, token=self.users[user][int(number)])

    def _access_token(self, request: Any) -> emulated.GenerateAccessTokenResponse:
        token = f"ya29.an-access-token-{len(self.access_tokens) + 1}"
        self.on_access_token(token)
        self.access_tokens.append(token)
        answer = emulated.GenerateAccessTokenResponse(access_token=token)
        emulated.GenerateAccessTokenResponse.pb(answer).expire_time.FromSeconds(2_000_000_000)
        return answer


def abort(
    context: grpc.ServicerContext,
    code: grpc.StatusCode,
    message: str,
    reason: str = "",
    metadata: dict[str, str] | None = None,
) -> None:
    """Refuse a call, in the way of Google's services."""
    status = status_pb2.Status(code=code.value[0], message=message)
    if reason:
        packed = any_pb2.Any()
        packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="googleapis.com", metadata=metadata or {}))
        status.details.append(packed)
    context.abort_with_status(rpc_status.to_status(status))
