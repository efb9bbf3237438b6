"""Engine configuration: templates in engines/, rendered into the home at each start."""

import os
from pathlib import Path
from string import Template

from melpark.errors import StopError
from melpark.places import ENGINES


def render(template: str, **values: object) -> str:
    """The text of engines/<template> with every ${name} filled in. Raises StopError for one without a value."""
    text = (ENGINES / template).read_text()
    try:
        return Template(text).substitute({name: str(value) for name, value in values.items()})
    except KeyError as error:
        raise StopError(
            f"engines/{template} asks for {error}", "no such value is known", "Mend the template"
        ) from None
    except ValueError as error:
        raise StopError(f"engines/{template} is no template", str(error), "Mend the template") from None


def write(file: Path, text: str, owner: int | None = None) -> Path:
    """Write a rendered file, readable by its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
    if owner is not None:
        os.chown(file, owner, -1)
    return file
