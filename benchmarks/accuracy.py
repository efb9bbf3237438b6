"""How our verdicts compare with the City's own findings in its historical files; docs/accuracy.md explains them.

Run by `PYTHONPATH=tests python benchmarks/accuracy.py FOLDER`, the folder of the captures. Takes seconds.
"""

import argparse
import math
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from cases.historical import Confusion, Judged, confusion, judged_2017, listed_2016
from melpark.parking.local_time import MELBOURNE
from melpark.parking.overstays import Verdict
from melpark.parking.sign_texts import read_sign

GRACES_MINUTES = (0, 5, 10, 15, 30, 60)


def main() -> None:
    arguments = _arguments()
    _print_2016(arguments.folder)
    rows, left_out = judged_2017(arguments.folder)
    _print_2017(rows, left_out)
    if arguments.rows:
        _print_rows(row for row in rows if row.is_overstay != row.is_in_violation)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--rows", action="store_true", help="print every row on which we and the City differ")
    return parser.parse_args()


def _print_2016(folder: Path) -> None:
    rows = list(listed_2016(folder))
    found = [row for row in rows if row.found.verdict is Verdict.OVERSTAY]
    same = [row for row in found if row.found.overstay_min_minutes == row.minutes_over]
    print(f"2016: {len(rows)} overstays listed, {len(found)} found, {len(same)} with the City's minutes\n")


def _print_2017(rows: list[Judged], left_out: Counter[str]) -> None:
    print(f"2017: {len(rows)} rows judged; left out: {dict(left_out)}")
    _print_confusion("by the sign", confusion((row.is_overstay, row.is_in_violation) for row in rows))
    alone = ((row.by_limit_alone.is_overstay, row.is_in_violation) for row in rows)
    _print_confusion("by its limit alone", confusion(alone))
    for grace in GRACES_MINUTES:
        longer = ((_minutes(row) > 0 and _minutes(row) >= grace, row.is_in_violation) for row in rows)
        _print_confusion(f"grace of {grace} min", confusion(longer))
    ours = [row for row in rows if row.is_overstay]
    print("\noverstays of ours: flagged by the City, of all")
    for name, rule in CLASSES.items():
        some = [row for row in ours if rule(row)]
        flagged = sum(row.is_in_violation for row in some)
        print(f"  {name:52} {flagged:3} of {len(some):3}")
    flagged_minutes = [_minutes(row) for row in rows if row.is_in_violation]
    print(f"\nthe shortest that the City flagged is over by {min(flagged_minutes):.1f} minutes")
    unflagged = [row for row in ours if not row.is_in_violation]
    shorter = [row for row in unflagged if _has_shorter_flagged(row, ours)]
    print(
        f"{len(shorter)} of the {len(unflagged)} that the City did not flag are longer over than one "
        "of the same limit that it did flag"
    )


def _print_confusion(name: str, found: Confusion) -> None:
    low, high = _wilson(found.both, found.both + found.only_ours)
    print(
        f"  {name:20} both {found.both:3}  only ours {found.only_ours:3}  only theirs {found.only_theirs:2}  "
        f"neither {found.neither:3}  precision {found.precision:.3f} ({low:.2f} to {high:.2f})  "
        f"recall {found.recall:.3f}"
    )


def _minutes(row: Judged) -> float:
    return row.found.overstay_min_minutes or 0


def _clock(row: Judged) -> str:
    return f"{row.arrival_at.astimezone(MELBOURNE):%H:%M:%S}"


def _is_in_the_gap(row: Judged) -> bool:
    day = row.arrival_at.astimezone(MELBOURNE).date()
    return date(2017, 7, 31) <= day <= date(2017, 9, 7)


CLASSES: dict[str, Callable[[Judged], bool]] = {
    "all": lambda row: True,
    "over by 5 to 15 minutes": lambda row: 5 <= _minutes(row) < 15,
    "over by 15 to 60 minutes": lambda row: 15 <= _minutes(row) < 60,
    "over by an hour or more": lambda row: _minutes(row) >= 60,
    "over by no more than the limit again": lambda row: row.found.within_disability_extension,
    "over by more than the limit again": lambda row: not row.found.within_disability_extension,
    "paid (MTR, TKT)": lambda row: read_sign(row.sign).rule.is_metered,
    "not paid": lambda row: not read_sign(row.sign).rule.is_metered,
    "sign exempts holders of a permit (RPA, RPE)": lambda row: any(
        word in row.sign.split() for word in ("RPA", "RPE")
    ),
    "sign without limit of days (M-SUN or none)": lambda row: len(read_sign(row.sign).weekdays) == 7,
    "began at 07:30:00, when the rule begins": lambda row: _clock(row) == "07:30:00",
    "from 31 July to 7 September": _is_in_the_gap,
    "at other times": lambda row: not _is_in_the_gap(row),
}


def _has_shorter_flagged(row: Judged, others: Iterable[Judged]) -> bool:
    limit = read_sign(row.sign).rule.limit_minutes
    return any(
        other.is_in_violation
        and read_sign(other.sign).rule.limit_minutes == limit
        and _minutes(other) < _minutes(row)
        for other in others
    )


def _wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    z, share = 1.96, hits / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - spread) / (1 + z * z / of), (middle + spread) / (1 + z * z / of)


def _print_rows(rows: Iterable[Judged]) -> None:
    print("\nonly ours or only theirs, by minutes over")
    for row in sorted(rows, key=_minutes):
        arrival, departure = (at.astimezone(MELBOURNE) for at in (row.arrival_at, row.departure_at))
        print(
            f"  {row.street_marker:7} {arrival:%a %d %b %H:%M:%S} to {departure:%H:%M:%S}  "
            f"{_minutes(row):6.1f} over  {row.sign}"
        )


if __name__ == "__main__":
    main()
