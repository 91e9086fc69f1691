"""Memorystore for Redis and for Valkey: find instances, create and delete them, and reach one by its name.

A name that is not ``projects/PROJECT/locations/REGION/instances/INSTANCE`` is a `ValueError` to every call. Both
services use this form: ``//redis.googleapis.com/`` or ``//memorystore.googleapis.com/`` before it says which one is
meant.
"""

import lazy_loader

from helpers.errors import require

require("memorystore", "google.cloud.redis_v1", "google.cloud.memorystore_v1", "google.auth", "grpc")

# Loaded when first used: Google's client libraries take a second.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
