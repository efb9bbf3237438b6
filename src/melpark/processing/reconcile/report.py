"""A comparison as a person reads it."""

from rich.table import Table as RichTable

from melpark.processing.reconcile.compare import Comparison, Span


def table(found: Comparison) -> RichTable:
    """One row per table, and one more per range that differs."""
    shown = RichTable(
        "table", "range", "PostgreSQL", "silver", "missing", "extra", "different", "",
        box=None, pad_edge=False, header_style="dim",
    )  # fmt: skip
    for name in dict.fromkeys(span.table for span in found.spans):
        spans = [span for span in found.spans if span.table == name]
        compared = [span for span in spans if not span.is_dropped]
        dropped = len(spans) - len(compared)
        words = f"{len(compared)} ranges" + (f", {dropped} in silver only (old)" if dropped else "")
        shown.add_row(
            name, words, *_numbers(compared), "equal" if all(s.is_equal for s in spans) else "DIFFERS"
        )
        for span in spans:
            if not span.is_equal:
                shown.add_row("", span.name, *_numbers([span]), "; ".join(span.examples[:2]))
    return shown


def verdict(found: Comparison, was_repaired: bool) -> str:
    """The result in one line."""
    if found.is_equal and found.polls_behind:
        return (
            f"PostgreSQL and silver hold the same up to poll {found.poll_id}, {found.polls_behind:,} polls behind: "
            "do the streams run? See `melpark status`, then compare again."
        )
    if found.is_equal:
        return f"PostgreSQL and silver hold the same, up to poll {found.poll_id}."
    sums = {word: sum(getattr(s, word) for s in found.spans) for word in ("missing", "extra", "different")}
    counts = ", ".join(f"{count:,} {word}" for word, count in sums.items() if count)
    if not any(span.can_be_repaired for span in found.spans):
        remedy = "Rows that only silver holds are not removed: were they deleted from PostgreSQL by hand?"
    elif was_repaired:
        remedy = "Silver did not take them in time: see `melpark status` and `melpark logs streams`."
    else:
        remedy = "`melpark reconcile --repair` captures anew what silver lacks."
    return f"PostgreSQL and silver differ: {counts}. {remedy}"


def _numbers(spans: list[Span]) -> list[str]:
    sums = (
        sum(getattr(span, name) for span in spans)
        for name in ("postgres", "silver", "missing", "extra", "different")
    )
    return [f"{number:,}" if number or place < 2 else "" for place, number in enumerate(sums)]
