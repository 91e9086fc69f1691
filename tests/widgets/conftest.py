"""What the tests of the widgets share."""

from collections.abc import Iterator

import pytest

from helpers._localization.messages import speak


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    speak("en")
    yield
    speak("en")
