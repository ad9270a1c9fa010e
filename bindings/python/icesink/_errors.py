"""What can go wrong, as far as the caller's next step depends on it: one exception per status of the library."""

from __future__ import annotations

from typing import Any, Dict, Tuple, Type

_RETRYABLE, _FATAL = 1, 2


class IcesinkError(Exception):
    """An error of the library. `status` is its name ("CONFLICT"); `retryable`: the same call may succeed later without
    any change; `fatal`: what it was called on can only be closed; `origin_code`: errno, an HTTP status or the like,
    else 0."""

    status: str = "INTERNAL"

    def __init__(self, message: str, flags: int = 0, origin_code: int = 0) -> None:
        super().__init__(message)
        self.retryable = bool(flags & _RETRYABLE)
        self.fatal = bool(flags & _FATAL)
        self.origin_code = origin_code

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (str(self), self.retryable * _RETRYABLE | self.fatal * _FATAL, self.origin_code)


class InvalidArgument(IcesinkError, ValueError):
    """A setting, a name, or data that does not fit the table; the text names it."""

    status = "INVALID_ARGUMENT"


class InvalidState(IcesinkError, RuntimeError):
    """Used after close, in another process than it was opened in, or after a fatal error."""

    status = "INVALID_STATE"


class OutOfMemory(IcesinkError, MemoryError):
    status = "NO_MEMORY"


class LimitExceeded(IcesinkError):
    status = "LIMIT"


class Corrupt(IcesinkError):
    """Bytes that are not what they should be: metadata, a data file, a description of files."""

    status = "CORRUPT"


class Unsupported(IcesinkError, NotImplementedError):
    status = "UNSUPPORTED"


class NotFound(IcesinkError, LookupError):
    """No such table, namespace or file."""

    status = "NOT_FOUND"


class AlreadyExists(IcesinkError):
    status = "ALREADY_EXISTS"


class Conflict(IcesinkError):
    """A commit was refused because the table had changed, in every attempt. Nothing was applied."""

    status = "CONFLICT"


class CommitUnknown(IcesinkError):
    """A commit may or may not have been applied. With a token the same call may be made again and finds out."""

    status = "COMMIT_UNKNOWN"


class InputOutputError(IcesinkError, OSError):
    status = "IO"


class TimedOut(IcesinkError, TimeoutError):
    status = "TIMEOUT"


class AccessDenied(IcesinkError, PermissionError):
    """The catalog or the store refused the credentials."""

    status = "AUTH"


class Cancelled(IcesinkError):
    status = "CANCELLED"


class InternalError(IcesinkError):
    """A fault of the library itself."""

    status = "INTERNAL"


BY_STATUS: Dict[str, Type[IcesinkError]] = {
    kind.status: kind
    for kind in (
        InvalidArgument,
        InvalidState,
        OutOfMemory,
        LimitExceeded,
        Corrupt,
        Unsupported,
        NotFound,
        AlreadyExists,
        Conflict,
        CommitUnknown,
        InputOutputError,
        TimedOut,
        AccessDenied,
        Cancelled,
        InternalError,
    )
}
