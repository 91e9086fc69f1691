"""Access tokens where an emulator takes Google Cloud's place: nobody signs in there, so it issues them itself.

The call is Google's own, ``google.iam.credentials.v1.IAMCredentials/GenerateAccessToken``
(https://cloud.google.com/iam/docs/reference/credentials/rpc/google.iam.credentials.v1), which only a package that
nothing else here needs has messages for.
"""

import datetime
from typing import Any

import grpc
import proto
from google.auth import credentials, exceptions
from google.protobuf import duration_pb2, timestamp_pb2

SERVICE = "google.iam.credentials.v1.IAMCredentials"
"""The gRPC service that issues access tokens."""
METHOD = "GenerateAccessToken"

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_CALL_SECONDS = 10

__protobuf__ = proto.module(package="google.iam.credentials.v1")


class GenerateAccessTokenRequest(proto.Message):  # type: ignore[misc]
    """What a token is asked for.

    Attributes:
        name: The account it is for, ``projects/-/serviceAccounts/EMAIL``.
        delegates: Accounts in between; the emulator knows none.
        scope: What the token allows.
        lifetime: How long it is good for; an hour where nothing is said.
    """

    name: str = proto.Field(proto.STRING, number=1)
    delegates: list[str] = proto.RepeatedField(proto.STRING, number=2)
    scope: list[str] = proto.RepeatedField(proto.STRING, number=4)
    lifetime: duration_pb2.Duration = proto.Field(proto.MESSAGE, number=7, message=duration_pb2.Duration)


class GenerateAccessTokenResponse(proto.Message):  # type: ignore[misc]
    """An access token.

    Attributes:
        access_token: The token itself, a secret.
        expire_time: Until when it is good.
    """

    access_token: str = proto.Field(proto.STRING, number=1)
    expire_time: timestamp_pb2.Timestamp = proto.Field(proto.MESSAGE, number=3, message=timestamp_pb2.Timestamp)


class EmulatorCredentials(credentials.Credentials):
    """What the application default credentials are on Google Cloud: the emulator's tokens for an account of a project.

    Args:
        host: Where the emulator is, HOST:PORT.
        project: The project that the account belongs to.
    """

    def __init__(self, host: str, project: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._host = host
        self._account = f"notebook@{project}.iam.gserviceaccount.com"

    def refresh(self, request: Any) -> None:
        """Have a new token.

        Args:
            request: As google-auth gives it; not used, since the emulator speaks gRPC.

        Raises:
            RefreshError: The emulator can't be reached, or issues none.
        """
        wanted = GenerateAccessTokenRequest(name=f"projects/-/serviceAccounts/{self._account}", scope=[_SCOPE])
        try:
            # A channel of its own: none survives a fork, and a token is rarely asked for.
            with grpc.insecure_channel(self._host) as channel:
                call = channel.unary_unary(
                    f"/{SERVICE}/{METHOD}",
                    request_serializer=GenerateAccessTokenRequest.serialize,
                    response_deserializer=GenerateAccessTokenResponse.deserialize,
                )
                answer = call(wanted, timeout=_CALL_SECONDS)
        except grpc.RpcError as error:
            raise exceptions.RefreshError(f"the emulator at {self._host} issued none: {error.details()}") from error
        self.token = answer.access_token
        # google-auth compares with a time in UTC that does not say so.
        self.expiry = answer.expire_time.astimezone(datetime.UTC).replace(tzinfo=None)

    def __repr__(self) -> str:
        return f"<EmulatorCredentials {self._account} at {self._host}>"
