"""A metadata server on this machine: where google-auth finds the credentials of a Google Cloud machine."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import google.auth.compute_engine._metadata as metadata
import pytest

PROJECT = "a-project"


class MetadataServer(ThreadingHTTPServer):
    """Hands out numbered access tokens of a service account.

    Attributes:
        tokens: Those that it has handed out, the newest last.
        lifetime: Seconds until the next one expires.
        broken: Whether asking for a token fails.
        on_token: Called with each token before it is handed out.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens: list[str] = []
        self.lifetime = 3600
        self.broken = False
        self.on_token: Callable[[str], None] = lambda token: None

    def new_token(self) -> str:
        """Make a token, the only newest one from now on."""
        token = f"ya29.a-secret-token-{len(self.tokens) + 1}"
        self.on_token(token)
        self.tokens.append(token)
        return token


class _Handler(BaseHTTPRequestHandler):
    server: MetadataServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/computeMetadata/v1").rstrip("/")
        if path.endswith("/token"):
            if self.server.broken:
                self._send(404, "no token")
                return
            token = {"access_token": self.server.new_token(), "token_type": "Bearer"}
            self._send(200, json.dumps(token | {"expires_in": self.server.lifetime}), "application/json")
        elif path.startswith("/instance/service-accounts/"):
            account = {"email": "me@a-project.iam.gserviceaccount.com", "aliases": ["default"], "scopes": []}
            self._send(200, json.dumps(account), "application/json")
        else:
            self._send(200, PROJECT if path == "/project/project-id" else "")

    def _send(self, status: int, text: str, kind: str = "application/text") -> None:
        self.send_response(status)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it overrides
        pass


@contextmanager
def running_metadata_server(monkeypatch: pytest.MonkeyPatch, empty: Path) -> Iterator[MetadataServer]:
    """Run one, and make it the only source of application default credentials.

    Args:
        monkeypatch: The test's.
        empty: A directory in gcloud's place, where no credentials are.
    """
    with MetadataServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        host = f"127.0.0.1:{server.server_port}"
        for name in ("GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK", "GCE_METADATA_ROOT", "APPENGINE_RUNTIME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(empty))
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        monkeypatch.setenv("GCE_METADATA_IP", host)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        # google-auth reads these variables once, when it is imported.
        monkeypatch.setattr(metadata, "_GCE_METADATA_HOST", host)
        monkeypatch.setattr(metadata, "_NO_GCE_CHECK", False)
        yield server
        server.shutdown()
        thread.join()
