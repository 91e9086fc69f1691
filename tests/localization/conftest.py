"""What the tests of languages share."""

import locale

import pytest

from helpers._localization import messages


@pytest.fixture
def nobody_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the program nor the environment says which language is wanted."""
    for name in ("HELPERS_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(locale, "getlocale", lambda: (None, None))
    monkeypatch.setattr(messages, "_chosen", None)
