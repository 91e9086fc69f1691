"""Names of Memorystore resources, as Google Cloud writes them."""

import re
from typing import Literal, NamedTuple, Self

from helpers._localization.messages import say

FORM = "projects/PROJECT/locations/REGION/instances/INSTANCE"
_PATTERN = re.compile(
    r"projects/(?P<project>[^/\s]+)/locations/(?P<region>[^/\s]+)/(?P<collection>instances|clusters)/(?P<id>[^/\s]+)"
)


class ResourceName(NamedTuple):
    """The parts of a full resource name.

    Attributes:
        project: The project's ID.
        region: The region, such as ``us-central1``.
        collection: ``instances`` (Memorystore for Redis) or ``clusters`` (Memorystore for Redis Cluster).
        id: The instance's or the cluster's own ID.
    """

    project: str
    region: str
    collection: Literal["instances", "clusters"]
    id: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Take a name apart.

        Raises:
            ValueError: It is not of the form `FORM`.
        """
        found = _PATTERN.fullmatch(name.strip())
        if not found:
            raise ValueError(f"{name!r} is not the full name of an instance.\n" + say("Its form is {form}.", form=FORM))
        return cls(found["project"], found["region"], found["collection"], found["id"])  # type: ignore[arg-type]

    @classmethod
    def of_instance(cls, name: str) -> Self:
        """Take the name of an instance apart.

        Raises:
            ValueError: It is malformed, or a cluster's.
        """
        resource = cls.parse(name)
        if resource.collection != "instances":
            raise ValueError(f"{resource} is a cluster.\n" + say("This takes instances; connect takes both."))
        return resource

    @property
    def location(self) -> str:
        """The resource that the instance is in: project and region."""
        return f"projects/{self.project}/locations/{self.region}"

    def __str__(self) -> str:
        return f"{self.location}/{self.collection}/{self.id}"
