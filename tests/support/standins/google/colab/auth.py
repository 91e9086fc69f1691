"""Signing in, on the stand-in. ``COLAB_DENIES=1`` has the user say no."""

import json
import os
from pathlib import Path

from google.colab import errors


def authenticate_user(clear_output: bool = True, project_id: str | None = None) -> None:
    """Leave application default credentials where google-auth finds them, as the real one does."""
    if os.environ.get("COLAB_DENIES"):
        raise errors.AuthorizationError("Failed to fetch user credentials")
    if project_id is not None:
        os.environ["GOOGLE_CLOUD_PROJECT"] = project_id
    path = Path.cwd() / "adc.json"
    credentials = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    path.write_text(json.dumps(credentials))
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
