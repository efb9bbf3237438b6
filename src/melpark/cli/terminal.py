"""What every command shares: where it prints, and how."""

from rich.console import Console

out = Console()


def tell(line: str) -> None:
    """One line as it is, however wide the terminal."""
    out.print(line, highlight=False, markup=False, soft_wrap=True)
