"""Generated passwords, one file per home with mode 0600; never logged."""

import json
import os
import secrets
from pathlib import Path

from melpark.errors import StopError
from melpark.places import ROLES, Home


def ensure(home: Home) -> None:
    """Generate a password for every role once; a later call changes nothing."""
    if home.secrets.exists():
        return
    passwords = {role: secrets.token_urlsafe(24) for role in ROLES}
    unfinished = home.secrets.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(passwords, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(home.secrets)


def password(home: Path, role: str) -> str:
    """The password of a PostgreSQL role. Raises StopError when the home has none."""
    file = Home(home).secrets
    try:
        return str(json.loads(file.read_text())[role])
    except FileNotFoundError:
        raise StopError(
            f"{file} does not exist", "this home was never started", "Run `melpark up` first"
        ) from None
    except (KeyError, TypeError, json.JSONDecodeError):
        raise StopError(
            f"{file} holds no password for {role}",
            "the file was changed",
            "Restore it, or run `melpark reset`",
        ) from None
