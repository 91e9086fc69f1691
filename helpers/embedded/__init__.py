"""A real server inside the kit: nothing to install, nothing to start, nothing left behind."""

from helpers.embedded.server import ENGINE_VARIABLE, EmbeddedServer, Engine, embedded_server

__all__ = ["ENGINE_VARIABLE", "EmbeddedServer", "Engine", "embedded_server"]
