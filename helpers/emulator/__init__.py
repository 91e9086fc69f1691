"""A local stand-in for the APIs of Memorystore for Redis and Memorystore for Valkey, for practice and tests.

Real gRPC, real Redis-compatible servers, real TLS; loopback only, free, and forgotten when it ends.
``python -m helpers.emulator`` runs one by itself.
"""

import lazy_loader

from helpers.errors import require

require("emulator", "google.cloud.redis_v1", "google.cloud.memorystore_v1", "grpc_status", "cryptography")

# Loaded when first used: the pytest plugin beside this file is imported by every run of the tests.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
