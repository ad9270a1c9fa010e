"""A session of the library with what every call needs: one thread at a time, errors as exceptions, handles closed
once."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import json
import logging
import os
import tempfile
import threading
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from . import _errors, _library
from ._library import native

_LEVELS = {0: logging.DEBUG, 1: logging.INFO, 2: logging.WARNING, 3: logging.ERROR}
_logger = logging.getLogger("icesink")
# Settings that are no single value: only a file can hold them.
_SECTIONS = ("pipeline", "catalog.headers", "source.kafka.properties")


def _log(_context: Any, level: int, text: bytes) -> None:
    _logger.log(_LEVELS.get(level, logging.INFO), "%s", text.decode("utf-8", "replace"))


# For the life of the process: a stream that a consumer keeps may log when nothing else is left.
_log_function = _library.LOG_FUNCTION(_log)


def raise_error(status: int, err: _library.Error) -> None:
    """Raise the exception of a failed call."""
    kind = _errors.BY_STATUS.get(native.ice_status_name(status).decode(), _errors.InternalError)
    raise kind(err.message.decode("utf-8", "replace"), err.flags, err.origin_code)


def take_text(text: _library.Text) -> bytes:
    """The bytes of a text of the library's, which is freed."""
    try:
        return ctypes.string_at(text.data, text.size) if text.data else b""
    finally:
        native.ice_text_free(ctypes.byref(text))


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_spell(v) for v in value)
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[Tuple[str, Any]]:
    """{"catalog": {"uri": …}} and {"catalog.uri": …} are the same; None is not set."""
    for name, value in settings.items():
        key = prefix + name
        if value is None:
            continue
        if isinstance(value, Mapping) and key not in _SECTIONS:
            yield from _flatten(value, key + ".")
        else:
            yield key, value


class Settings:
    """What a session is opened with, kept so that another one can be opened alike."""

    def __init__(self, settings: Mapping[str, Any], config: Optional[str], environment: bool) -> None:
        self.config = config
        self.environment = environment
        self.values: List[str] = []
        self.sections: Dict[str, Any] = {}
        for key, value in _flatten(settings):
            if isinstance(value, Mapping):
                self.sections[key] = value
            else:
                self.values.append(f"{key}={_spell(value)}")
        if self.sections and config is not None:
            raise _errors.InvalidArgument(f"{', '.join(self.sections)}: write it into {config}, which is given too")

    def extended(self, settings: Mapping[str, Any]) -> "Settings":
        """These settings with further ones, which win."""
        extended = copy.copy(self)
        extended.values = self.values + [f"{key}={_spell(value)}" for key, value in _flatten(settings)]
        return extended

    def open(self) -> int:
        """A new native session; the caller's to close."""
        if not self.sections:
            return self._open(self.config)
        # JSON is YAML.
        nested: Dict[str, Any] = {}
        for key, value in self.sections.items():
            place = nested
            *parents, last = key.split(".")
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
        with tempfile.NamedTemporaryFile("w", prefix="icesink-settings-", suffix=".yaml") as file:
            json.dump(nested, file)
            file.flush()
            return self._open(file.name)

    def _open(self, file: Optional[str]) -> int:
        handle = ctypes.c_void_p()
        err = _library.Error()
        options = _library.SessionOptions(
            file=None if file is None else _library.encode(file),
            settings=_library.text_array(self.values),
            setting_count=len(self.values),
            environment=self.environment,
            log=_log_function,
        )
        status = native.ice_session_open(ctypes.byref(options), ctypes.byref(handle), ctypes.byref(err))
        if status != 0:
            raise_error(status, err)
        assert handle.value is not None
        return handle.value


class Session:
    """Ownership: owns the native session, and closes what was opened from it before it. Threads: any; calls wait for
    another."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._busy = False
        # Held while the session is closed, and while it is stopped, which does not wait for a call.
        self._stopping = threading.Lock()
        self._process = os.getpid()
        # What was opened from the session, with what closes it. Not the Python objects: garbage goes in any order.
        self._parts: Dict[int, Callable[[int], None]] = {}
        self._late: List[int] = []
        self._handle: Optional[int] = None
        self._handle = settings.open()

    def _is_mine(self) -> bool:
        """In a forked child handles belong to the parent, and a thread of the parent's may have held the lock."""
        return os.getpid() == self._process

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for this thread's turn in an open session."""
        if not self._is_mine():
            raise _errors.InvalidState("opened in another process; open a catalog after the fork")
        with self._lock:
            self._enter()
            yield

    def _enter(self) -> None:
        # Set by this very thread then: a log handler that calls back.
        if self._busy:
            raise _errors.InvalidState("a call of the library is under way in this thread")
        if self._handle is None:
            raise _errors.InvalidState("the catalog is closed")

    def call(self, function: Callable[..., int], *arguments: Any) -> None:
        """Call a function whose first argument is the session. Errors: the status as an exception."""
        with self._turn():
            self._run(function, self._handle, *arguments)

    def call_part(self, part: "Part", function: Callable[..., int], *arguments: Any) -> None:
        """The same for what was opened from the session."""
        with self._turn():
            self._run(function, self._handle_of(part), *arguments)

    def get_of_part(self, part: "Part", function: Callable[..., Any], *arguments: Any) -> Any:
        """The same for a function that cannot fail and returns a value."""
        with self._turn():
            return function(self._handle_of(part), *arguments)

    def _run(self, function: Callable[..., int], *arguments: Any) -> None:
        err = _library.Error()
        self._busy = True
        try:
            status = function(*arguments, ctypes.byref(err))
        finally:
            self._busy = False
            while self._late:
                self._close_handle(self._late.pop())
        if status != 0:
            raise_error(status, err)

    def text(self, function: Callable[..., int], *arguments: Any) -> str:
        """Call a function that gives a text last."""
        out = _library.Text()
        self.call(function, *arguments, ctypes.byref(out))
        return take_text(out).decode()

    def open_part(self, part: "Part", function: Callable[..., int], *arguments: Any) -> int:
        handle = ctypes.c_void_p()
        with self._turn():
            self._run(function, self._handle, *arguments, ctypes.byref(handle))
            assert handle.value is not None
            self._parts[handle.value] = part._close_function
        return handle.value

    def _handle_of(self, part: "Part") -> int:
        if part._handle is None:
            raise _errors.InvalidState(f"the {part._what} is closed")
        return part._handle

    def _close_handle(self, handle: int) -> None:
        close = self._parts.pop(handle, None)
        if close is not None:
            close(handle)

    def close_part(self, part: "Part") -> None:
        if not self._is_mine():
            return
        with self._lock:
            handle, part._handle = part._handle, None
            if handle is not None and self._busy:
                # Garbage was collected inside a log handler: the library is in the middle of a call.
                self._late.append(handle)
            elif handle is not None:
                self._close_handle(handle)

    def stop(self) -> None:
        """Have calls that wait for a server end with Cancelled. Threads: any."""
        with self._stopping:
            if self._handle is not None and self._is_mine():
                native.ice_session_stop(self._handle)

    def close(self) -> None:
        if not self._is_mine():
            return
        with self._lock:
            if self._busy:
                raise _errors.InvalidState("a call of the library is under way in this thread")
            for handle in list(self._parts):
                self._close_handle(handle)
            with self._stopping:
                session, self._handle = self._handle, None
                if session is not None:
                    native.ice_session_close(session)

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()


class Part:
    """A handle that was opened from a session, and is closed before it. Keeps the session."""

    _close_function: Callable[[int], None]
    _what: str

    def __init__(self, session: Session, function: Callable[..., int], *arguments: Any) -> None:
        self._session = session
        self._handle: Optional[int] = None
        self._handle = session.open_part(self, function, *arguments)

    def close(self) -> None:
        """Drop what is not finished, and close. May be called again."""
        self._session.close_part(self)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()
