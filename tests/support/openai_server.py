"""A local server that speaks enough of OpenAI's chat protocol to be talked to by the real client."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class OpenAIServer(ThreadingHTTPServer):
    """Answers every chat with the number of messages it was sent, after the scripted failures."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.failures: list[int] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: OpenAIServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.keys.append(self.headers["Authorization"])
        self._send(200, "application/json", b'{"object": "list", "data": []}')

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.server.keys.append(self.headers["Authorization"])
        if self.server.failures:
            self._send(self.server.failures.pop(0), "application/json", b'{"error": {"message": "not now"}}')
            return
        words = ["You ", "sent ", str(len(body["messages"])), " messages."]
        if body.get("stream"):
            deltas: list[dict[str, Any]] = [{"delta": {"content": word}} for word in words]
            deltas.append({"delta": {}, "finish_reason": "stop"})
            events = [self._completion(body, "chat.completion.chunk", delta) for delta in deltas]
            text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
            self._send(200, "text/event-stream", text.encode())
        else:
            choice = {"message": {"role": "assistant", "content": "".join(words)}, "finish_reason": "stop"}
            completion = self._completion(body, "chat.completion", choice)
            self._send(200, "application/json", json.dumps(completion).encode())

    def _completion(self, body: dict[str, Any], kind: str, choice: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": "c",
            "object": kind,
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, **choice}],
        }

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


@contextmanager
def openai_server() -> Iterator[OpenAIServer]:
    """Serve for the time of the block."""
    with OpenAIServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
