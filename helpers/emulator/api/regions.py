"""The regions that the emulator has: real ones, a few of them."""

from google.cloud import redis_v1
from google.cloud.location import locations_pb2

from helpers.emulator.api.errors import not_found

_ABC, _BCD = ("a", "b", "c"), ("b", "c", "d")
_ZONES = {
    "asia-east1": _ABC,
    "asia-northeast1": _ABC,
    "asia-northeast3": _ABC,
    "asia-southeast1": _ABC,
    "europe-southwest1": _ABC,
    "europe-west1": _BCD,
    "europe-west3": _ABC,
    "europe-west9": _ABC,
    "us-central1": ("a", "b", "c", "f"),
    "us-east1": _BCD,
    "us-west1": _ABC,
}

REGIONS = tuple(_ZONES)


def zones(region: str) -> list[str]:
    """The zones of a region, by full ID such as ``us-central1-a``."""
    return [f"{region}-{letter}" for letter in _ZONES[region]]


def check_region(project: str, region: str) -> None:
    """Refuse a region that there is not.

    Raises:
        ApiError: NOT_FOUND.
    """
    if region not in _ZONES:
        raise not_found(f"projects/{project}/locations/{region}")


def location(project: str, region: str) -> locations_pb2.Location:
    """A region as the API shows it."""
    check_region(project, region)
    described = locations_pb2.Location(name=f"projects/{project}/locations/{region}", location_id=region)
    metadata = redis_v1.LocationMetadata(available_zones={zone: redis_v1.ZoneMetadata() for zone in zones(region)})
    described.metadata.Pack(redis_v1.LocationMetadata.pb(metadata))
    return described
