"""Every error that MelPark raises on purpose, grouped by what the caller should do.

MelParkError
├── RetryableError     exit 4   a service does not answer now; the same call may work later
├── RefusedError       exit 5   the data was refused; the last good state stands
├── ConfigurationError exit 2   settings or arguments are wrong; nothing was started
├── StopError          exit 3   the machine or the home is in a state that a person must mend
└── InterruptedReplayError  exit 130   Ctrl-C before the end of `up --until-done`

A message is one line: what happened, why, what to do.
"""


class MelParkError(Exception):
    """Base of the tree. `str(error)` is the one line that the user sees."""

    exit_code = 1

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        self.what = what
        self.why = why
        self.remedy = remedy
        super().__init__(self._line())

    def _line(self) -> str:
        line = self.what.rstrip(".")
        if self.why:
            line += f": {self.why.rstrip('.')}"
        if self.remedy:
            line += f". {self.remedy.rstrip('.')}"
        return " ".join(f"{line}.".split())


class RetryableError(MelParkError):
    """A service does not answer now; the same call may work later."""

    exit_code = 4


class RefusedError(MelParkError):
    """The data was refused as a whole; the last good state stands."""

    exit_code = 5


class ConfigurationError(MelParkError):
    """Settings or arguments are wrong; nothing was started or written."""

    exit_code = 2


class InterruptedReplayError(MelParkError):
    """A replay that should have gone the whole way was stopped before its end."""

    exit_code = 130


class StopError(MelParkError):
    """The machine or the home is in a state that a person must mend."""

    exit_code = 3
