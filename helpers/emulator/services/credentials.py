"""``google.iam.credentials.v1.IAMCredentials``: access tokens for accounts."""

import re

import grpc

from helpers._credentials.emulated import (
    METHOD,
    SERVICE,
    GenerateAccessTokenRequest,
    GenerateAccessTokenResponse,
)
from helpers.emulator.api.errors import Api, invalid
from helpers.emulator.servers.tokens import AccessTokens
from helpers.emulator.services.serving import handler

_IAM = Api("iamcredentials.googleapis.com", "IAM Service Account Credentials API", "iam", ("", ""), "")
# https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
_LONGEST_SECONDS = 12 * 3600


class CredentialsService:
    """Issues the tokens that instances with IAM authentication accept.

    Args:
        tokens: Where they are kept.
    """

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server needs to serve this."""
        return handler(SERVICE, _IAM, {METHOD: (self.generate_access_token, GenerateAccessTokenRequest)})

    async def generate_access_token(self, request: GenerateAccessTokenRequest) -> GenerateAccessTokenResponse:
        named = re.fullmatch(r"projects/-/serviceAccounts/([^/@]+@[^/@]+)", request.name)
        if not named:
            raise invalid("name", "it must be of the form projects/-/serviceAccounts/EMAIL.")
        if not request.scope:
            raise invalid("scope", "it must name at least one scope.")
        seconds = request.lifetime.total_seconds() if "lifetime" in request else None
        if seconds is not None and not 0 < seconds <= _LONGEST_SECONDS:
            raise invalid("lifetime", f"it must be more than 0 and no more than {_LONGEST_SECONDS} seconds.")
        token, until = await self._tokens.issue(named[1], seconds)
        return GenerateAccessTokenResponse(access_token=token, expire_time=until)
