"""Laws of the errors: one line each, and an exit code that tells the group."""

import pytest

from melpark import errors
from melpark.errors import MelParkError


def groups() -> list[type[MelParkError]]:
    return [MelParkError, *MelParkError.__subclasses__()]


def test_each_group_has_an_exit_code_of_its_own() -> None:
    codes = [group.exit_code for group in groups()]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes


def test_the_tree_in_the_module_names_every_group_and_its_code() -> None:
    for group in groups()[1:]:
        if group.__module__ == errors.__name__:
            line = next(line for line in str(errors.__doc__).splitlines() if f" {group.__name__} " in line)
            assert f"exit {group.exit_code} " in line


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("It broke",), "It broke."),
        (("It broke.", "of age."), "It broke: of age."),
        (("It broke", "", "Mend it."), "It broke. Mend it."),
        (("It\nbroke", "of\n\n  age", "Mend\tit"), "It broke: of age. Mend it."),
    ],
)
def test_an_error_is_one_line_of_what_why_and_remedy(parts: tuple[str, ...], line: str) -> None:
    assert str(MelParkError(*parts)) == line
