"""Signing in to Google Cloud, where there is something to sign in to."""

import os
import warnings
from pathlib import Path
from typing import Any

from helpers._localization.messages import say
from helpers.environment import EMULATOR_VARIABLE, environment
from helpers.errors import SignInError, require

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
PROJECT_VARIABLE = "GOOGLE_CLOUD_PROJECT"


def authenticate(project_id: str | None = None) -> str:
    """Sign in to Google Cloud if this notebook uses it, and say in one line what was done.

    A project is what tells that Google Cloud is used. Without one nothing is signed in to, nor with an emulator
    (``$MEMORYSTORE_EMULATOR_HOST``), which asks nobody who they are.

    * Colab: `google.colab.auth.authenticate_user`, which opens a sign-in window.
    * Colab Enterprise, Agent Platform Workbench, a laptop: application default credentials, which the first
      two have ready and a laptop gets from ``gcloud auth application-default login``.

    Args:
        project_id: The Google Cloud project; blank for ``$GOOGLE_CLOUD_PROJECT``. ``None`` is, where that is not set,
            the project of the credentials that are there. A blank, such as a form's, does not ask them: whoever
            leaves a form blank may not want to be billed.

    Returns:
        The project id, or an empty string where no project is used.

    Raises:
        SignInError: There are no credentials, or Colab's sign-in did not go through.
    """
    # No other variable that means a project to some tool: what the notebooks promise of costs hangs on this one.
    project = (project_id or "").strip() or os.environ.get(PROJECT_VARIABLE, "").strip()
    emulated = bool(os.environ.get(EMULATOR_VARIABLE, "").strip())
    if not project and project_id is None and not emulated:
        project = _project_of_credentials()
    if not project:
        print(say("Not signed in: no Google Cloud project is set, so no sign-in is needed."))
        return ""
    if emulated:
        print(
            say(
                "Not signed in: {variable} names an emulator, which needs no sign-in.",
                variable=EMULATOR_VARIABLE,
            )
        )
        return project
    if environment().asks_to_sign_in:
        _sign_in_to_colab(project)
        print(say("Signed in through Colab for project {project}.", project=project))
        return project
    application_default_credentials(project)
    print(say("Signed in with application default credentials for project {project}.", project=project))
    return project


def _project_of_credentials() -> str:
    """The project that credentials name, where there are some. No network is asked but Google's own machines'."""
    require("memorystore", "google.auth")
    import google.auth
    from google.auth._cloud_sdk import get_application_default_credentials_path
    from google.auth.environment_vars import CREDENTIALS
    from google.auth.exceptions import GoogleAuthError

    in_a_file = os.environ.get(CREDENTIALS) or Path(get_application_default_credentials_path()).exists()
    if not in_a_file and not environment().google_machine:
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _, project = google.auth.default(scopes=[_SCOPE])
        except GoogleAuthError:
            return ""
    return project or ""


def _sign_in_to_colab(project: str) -> None:
    from google.colab import auth

    try:
        auth.authenticate_user(project_id=project)
    except Exception as error:
        raise SignInError(
            f"Colab's sign-in did not go through: {type(error).__name__}.\n"
            + say("Run the cell again and allow the access that the window asks for.")
        ) from error


def application_default_credentials(project: str) -> Any:
    """The credentials of this environment, for calls that `project` is billed for.

    Raises:
        SignInError: There are none.
    """
    require("memorystore", "google.auth")
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            credentials, _ = google.auth.default(scopes=[_SCOPE], quota_project_id=project)
    except DefaultCredentialsError as error:
        raise SignInError(
            f"No Google Cloud credentials were found for project {project}.\n"
            + say(
                "On your own computer, run: gcloud auth application-default login. In Workbench and Colab "
                "Enterprise, start the runtime with a service account or with your own account."
            )
        ) from error
    if any("quota project" in str(one.message) for one in warned):
        print(
            say(
                "These credentials have no quota project, so Google Cloud may refuse them. Run: {command}",
                command=f"gcloud auth application-default set-quota-project {project}",
            )
        )
    return credentials
