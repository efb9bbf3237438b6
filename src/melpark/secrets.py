"""Generated passwords, one file per home with mode 0600; never logged."""

import json
import os
import secrets
from pathlib import Path

from melpark.errors import StopError
from melpark.places import CDS_TOKEN, ROLES, Home


def ensure(home: Home) -> None:
    """Generate a password for every role, and the tokens, once; a later call adds only what is lacking."""
    known = _read(home)
    lacking = [name for name in (*ROLES, CDS_TOKEN) if name not in known]
    if not lacking:
        return
    made = known | {name: secrets.token_urlsafe(24) for name in lacking}
    unfinished = home.secrets.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(made, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(home.secrets)


def _read(home: Home) -> dict[str, str]:
    """What the file holds. A file that was damaged is left to whoever asks for a password of it."""
    try:
        held = json.loads(home.secrets.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        held = None
    return held if isinstance(held, dict) else dict.fromkeys((*ROLES, CDS_TOKEN), "")


def token(home: Path, name: str) -> str | None:
    """A token of the home, such as CDS_TOKEN; None when it has none yet."""
    try:
        return json.loads(Home(home).secrets.read_text())[name] or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


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
