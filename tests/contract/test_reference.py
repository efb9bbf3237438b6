"""Pages that are made from the code are those that the code makes now."""

from pathlib import Path

import pytest

from cases import reference
from melpark.settings import Settings


@pytest.mark.parametrize("page", reference.PAGES, ids=lambda page: page.stem)
def test_a_page_of_the_reference_is_the_one_made_from_the_code(page: Path) -> None:
    assert page.read_text() == reference.PAGES[page](), "`make reference` makes it anew"


def test_every_setting_says_what_it_is() -> None:
    notes = reference.notes()
    assert notes.keys() == Settings.model_fields.keys()
    assert [name for name, note in notes.items() if not note.endswith(".")] == []
