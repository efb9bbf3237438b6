"""Generated passwords, one file per home with mode 0600; never logged.

Whoever starts the parts himself may hand each the passwords that it needs, a file for each in CREDENTIALS_DIRECTORY, as
containers and systemd do; the home then holds none.
"""

import json
import os
import secrets
from pathlib import Path

from melpark.errors import StopError
from melpark.places import AIRFLOW_ADMIN, CDS_TOKEN, GRAFANA_ADMIN, ROLES, Home

TOKENS = (CDS_TOKEN, AIRFLOW_ADMIN)


def write_files(folder: Path) -> list[Path]:
    """A file for every password and token, for containers to be handed. What is there stays. Returns the new ones.

    The folder is the owner's alone (0700); within it files are readable (0444): a container reads them as another user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = []
    for name in (*ROLES, *TOKENS, GRAFANA_ADMIN):
        file = folder / name
        if file.exists():
            continue
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
        file.chmod(0o444)
        made.append(file)
    return made


def are_handed_over() -> bool:
    """Whether passwords come by files, so that the home holds none."""
    return _handed() is not None


def _handed() -> Path | None:
    """The folder of the files that were handed over, when they were."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def _handed_over(folder: Path, name: str) -> str | None:
    try:
        return (folder / name).read_text().strip() or None
    except OSError:
        return None


def ensure(home: Home) -> None:
    """Generate a password for every role, and the tokens, once; a later call adds only what is lacking.

    Nothing is generated where they are handed over.
    """
    if _handed() is not None:
        return
    known = _read(home)
    lacking = [name for name in (*ROLES, *TOKENS) if name not in known]
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
    return held if isinstance(held, dict) else dict.fromkeys((*ROLES, *TOKENS), "")


def token(home: Path, name: str) -> str | None:
    """A token of the home, such as CDS_TOKEN; None when it has none yet."""
    if (folder := _handed()) is not None:
        return _handed_over(folder, name)
    try:
        return json.loads(Home(home).secrets.read_text())[name] or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def password(home: Path, role: str) -> str:
    """The password of a PostgreSQL role. Raises StopError when the home has none."""
    if (folder := _handed()) is not None:
        if handed := _handed_over(folder, role):
            return handed
        raise StopError(
            f"{folder} holds no file {role}",
            "CREDENTIALS_DIRECTORY names it, and this part needs that password",
            "Hand it to this part, or unset CREDENTIALS_DIRECTORY",
        )
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
