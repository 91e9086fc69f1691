"""Memorystore for Redis: find instances, create and delete them, and reach one by its name.

A name that is not ``projects/PROJECT/locations/REGION/instances/INSTANCE`` is a `ValueError` to every call.
"""

import lazy_loader

from helpers.errors import require

require("memorystore", "google.cloud.redis_v1", "google.auth", "grpc")

# Loaded when first used: Google's client libraries take a second.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
