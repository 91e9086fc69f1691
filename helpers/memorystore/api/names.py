"""Names of Memorystore resources, as Google Cloud writes them."""

import re
from typing import Literal, NamedTuple, Self

from helpers._localization.messages import say

Service = Literal["redis", "valkey"]
"""Which of Google's services has an instance: Memorystore for Redis or Memorystore for Valkey."""
HOSTS: dict[Service, str] = {"redis": "redis.googleapis.com", "valkey": "memorystore.googleapis.com"}
"""The host of each service's API, which is also what a full resource name begins with."""
TITLES: dict[Service, str] = {"redis": "Memorystore for Redis", "valkey": "Memorystore for Valkey"}
"""What Google calls the services."""

FORM = "projects/PROJECT/locations/REGION/instances/INSTANCE"
_PATTERN = re.compile(
    r"(?://(?P<host>redis|memorystore)\.googleapis\.com/)?"
    r"projects/(?P<project>[^/\s]+)/locations/(?P<region>[^/\s]+)/(?P<collection>instances|clusters)/(?P<id>[^/\s]+)"
)
_SERVICES: dict[str, Service] = {"redis": "redis", "memorystore": "valkey"}


class ResourceName(NamedTuple):
    """The parts of a resource name.

    Attributes:
        project: The project's ID.
        region: The region, such as ``us-central1``.
        collection: ``instances`` (Memorystore for Redis, for Valkey) or ``clusters`` (Memorystore for Redis Cluster).
        id: The instance's or the cluster's own ID.
        service: Whose instance is meant; ``None`` where the name does not say it: both services use the same form.
    """

    project: str
    region: str
    collection: Literal["instances", "clusters"]
    id: str
    service: Service | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Take a name apart, with or without the host of the service before it.

        Raises:
            ValueError: It is not of the form `FORM`, or names clusters of Memorystore for Valkey, which has none.
        """
        found = _PATTERN.fullmatch(name.strip())
        if not found or (found["collection"] == "clusters" and found["host"] == "memorystore"):
            raise ValueError(
                f"{name!r} is not the full name of an instance.\n"
                + say("Its form is {form}, with {redis} or {valkey} before it if you mean one service.",
                    form=FORM, redis=f"//{HOSTS['redis']}/", valkey=f"//{HOSTS['valkey']}/")
            )  # fmt: skip
        service = _SERVICES[found["host"]] if found["host"] else None
        return cls(found["project"], found["region"], found["collection"], found["id"], service)  # type: ignore[arg-type]

    @classmethod
    def of_instance(cls, name: str) -> Self:
        """Take the name of an instance apart.

        Raises:
            ValueError: It is malformed, or a cluster's.
        """
        resource = cls.parse(name)
        if resource.collection != "instances":
            raise ValueError(f"{resource} is a cluster.\n" + say("This accepts only instances; connect accepts both."))
        return resource

    def of(self, service: Service) -> Self:
        """The same name in one service."""
        return self._replace(service=service)

    @property
    def location(self) -> str:
        """The resource that the instance is in: project and region."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def full(self) -> str:
        """The name with the host of its service before it, where it has one."""
        return f"//{HOSTS[self.service]}/{self}" if self.service else str(self)

    def __str__(self) -> str:
        return f"{self.location}/{self.collection}/{self.id}"
