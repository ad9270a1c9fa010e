"""libicesink through ctypes: its structures and its functions with their types. Everything else here calls it by
these."""

from __future__ import annotations

import ctypes
import os
import pathlib
from ctypes import CFUNCTYPE, POINTER, c_bool, c_char, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64
from ctypes import c_void_p
from typing import Any


class Error(ctypes.Structure):
    _fields_ = [("status", c_int), ("flags", c_uint32), ("origin_code", c_int32), ("message", c_char * 500)]


class Text(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("size", c_size_t)]


LOG_FUNCTION = CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class SessionOptions(ctypes.Structure):
    _fields_ = [
        ("file", c_char_p),
        ("settings", POINTER(c_char_p)),
        ("setting_count", c_size_t),
        ("environment", c_bool),
        ("log", LOG_FUNCTION),
        ("log_context", c_void_p),
    ]


class ArrowSchema(ctypes.Structure):
    pass


class ArrowArray(ctypes.Structure):
    pass


class ArrowArrayStream(ctypes.Structure):
    pass


ArrowSchema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_void_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", POINTER(POINTER(ArrowSchema))),
    ("dictionary", POINTER(ArrowSchema)),
    ("release", CFUNCTYPE(None, POINTER(ArrowSchema))),
    ("private_data", c_void_p),
]
ArrowArray._fields_ = [
    ("length", c_int64),
    ("null_count", c_int64),
    ("offset", c_int64),
    ("n_buffers", c_int64),
    ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(ArrowArray))),
    ("dictionary", POINTER(ArrowArray)),
    ("release", CFUNCTYPE(None, POINTER(ArrowArray))),
    ("private_data", c_void_p),
]
ArrowArrayStream._fields_ = [
    ("get_schema", CFUNCTYPE(c_int, POINTER(ArrowArrayStream), POINTER(ArrowSchema))),
    ("get_next", CFUNCTYPE(c_int, POINTER(ArrowArrayStream), POINTER(ArrowArray))),
    ("get_last_error", CFUNCTYPE(c_char_p, POINTER(ArrowArrayStream))),
    ("release", CFUNCTYPE(None, POINTER(ArrowArrayStream))),
    ("private_data", c_void_p),
]


class TableDefinition(ctypes.Structure):
    _fields_ = [
        ("schema", POINTER(ArrowSchema)),
        ("partition", POINTER(c_char_p)),
        ("partition_count", c_size_t),
        ("properties", POINTER(c_char_p)),
        ("property_count", c_size_t),
    ]


class WriterTotals(ctypes.Structure):
    _fields_ = [("rows", c_uint64), ("bytes", c_uint64), ("files", c_uint64), ("memory", c_uint64)]


class AppendRequest(ctypes.Structure):
    _fields_ = [
        ("table", c_char_p),
        ("files", POINTER(Text)),
        ("file_count", c_size_t),
        ("writer", c_char_p),
        ("number", c_int64),
        ("overwrite", c_bool),
        ("summary", POINTER(c_char_p)),
        ("summary_count", c_size_t),
    ]


class AppendOutcome(ctypes.Structure):
    _fields_ = [("done_before", c_bool), ("snapshot_id", c_int64)]


class KafkaRecord(ctypes.Structure):
    _fields_ = [
        ("topic", c_char_p),
        ("partition", c_int32),
        ("offset", c_int64),
        ("timestamp_ms", c_int64),
        ("key", c_char_p),
        ("key_size", c_size_t),
        ("value", c_char_p),
        ("value_size", c_size_t),
    ]


class DecoderCounts(ctypes.Structure):
    _fields_ = [
        ("records", c_int64),
        ("elements", c_int64),
        ("rows", c_int64),
        ("dead_letters", c_int64),
        ("filtered", c_int64),
    ]


def _find() -> pathlib.Path:
    """Where libicesink is: what ICESINK_LIBRARY names, else what came with the package."""
    named = os.environ.get("ICESINK_LIBRARY")
    path = pathlib.Path(named) if named else pathlib.Path(__file__).parent / "lib" / "libicesink.so"
    if not path.exists():
        raise ImportError(
            f"libicesink is not at {path}; install the icesink wheel, or set ICESINK_LIBRARY to libicesink.so"
        )
    return path.resolve()


_path = _find()


def program() -> pathlib.Path:
    """Where the program lies that belongs to the library: bin/ beside its directory."""
    return _path.parent.parent / "bin" / "icesink"


try:
    native = ctypes.CDLL(str(_path))
    # Short, and not to be run twice at once: its functions keep Python's lock.
    helper = ctypes.PyDLL(str(_path.parent / "libicesink_python.so"))
except OSError as _error:
    raise ImportError(f"{_path} (ICESINK_LIBRARY, or the wheel's) cannot be loaded: {_error}") from _error


def _check_layouts() -> None:
    """A library of another version would read and write beside its structures."""
    expected = []
    for kind in (
        Error,
        Text,
        SessionOptions,
        TableDefinition,
        WriterTotals,
        AppendRequest,
        AppendOutcome,
        KafkaRecord,
        DecoderCounts,
    ):
        expected += [ctypes.sizeof(kind), *(getattr(kind, field[0]).offset for field in kind._fields_)]
    expected.append(2**32 - 1)
    if list((c_uint32 * len(expected)).in_dll(helper, "icesink_python_layouts")) != expected:
        raise ImportError(f"{_path} is of another version than this package")


_check_layouts()

_E = POINTER(Error)
_S = c_void_p  # every handle is an opaque pointer

_FUNCTIONS: "dict[str, tuple[Any, list[Any]]]" = {
    "ice_version": (c_char_p, []),
    "ice_status_name": (c_char_p, [c_int]),
    "ice_text_free": (None, [POINTER(Text)]),
    "ice_session_open": (c_int, [POINTER(SessionOptions), POINTER(c_void_p), _E]),
    "ice_session_close": (None, [_S]),
    "ice_session_stop": (None, [_S]),
    "ice_session_setting": (c_int, [_S, c_char_p, POINTER(Text), _E]),
    "ice_session_connect": (c_int, [_S, _E]),
    "ice_session_create_namespace": (c_int, [_S, c_char_p, _E]),
    "ice_session_create_table": (c_int, [_S, c_char_p, POINTER(TableDefinition), _E]),
    "ice_session_create_tables": (c_int, [_S, POINTER(c_uint32), _E]),
    "ice_session_drop_table": (c_int, [_S, c_char_p, _E]),
    "ice_session_list": (c_int, [_S, c_char_p, POINTER(Text), _E]),
    "ice_session_load_table": (c_int, [_S, c_char_p, POINTER(Text), _E]),
    "ice_session_table_schema": (c_int, [_S, c_char_p, POINTER(ArrowSchema), _E]),
    "ice_session_scan": (c_int, [_S, c_char_p, POINTER(c_char_p), c_size_t, POINTER(ArrowArrayStream), _E]),
    "ice_session_append": (c_int, [_S, POINTER(AppendRequest), POINTER(AppendOutcome), _E]),
    "ice_session_token": (c_int, [_S, c_char_p, c_char_p, POINTER(c_bool), POINTER(c_int64), _E]),
    "ice_writer_open": (c_int, [_S, c_char_p, POINTER(c_void_p), _E]),
    "ice_writer_close": (None, [_S]),
    "ice_writer_append": (c_int, [_S, POINTER(ArrowArray), POINTER(ArrowSchema), _E]),
    "ice_writer_finish": (c_int, [_S, POINTER(Text), _E]),
    "ice_writer_get_totals": (WriterTotals, [_S]),
    "ice_decoder_open": (c_int, [_S, POINTER(c_void_p), _E]),
    "ice_decoder_close": (None, [_S]),
    "ice_decoder_table_count": (c_uint32, [_S]),
    "ice_decoder_table": (c_int, [_S, c_uint32, POINTER(Text), POINTER(ArrowSchema), _E]),
    "ice_decoder_add": (c_int, [_S, POINTER(KafkaRecord), c_size_t, _E]),
    "ice_decoder_take": (c_int, [_S, c_uint32, POINTER(ArrowArray), _E]),
    "ice_decoder_get_counts": (DecoderCounts, [_S]),
}
for _name, (_result, _arguments) in _FUNCTIONS.items():
    getattr(native, _name).restype = _result
    getattr(native, _name).argtypes = _arguments

helper.icesink_python_own_stream.restype = c_int
helper.icesink_python_own_stream.argtypes = [POINTER(ArrowArrayStream), c_void_p, c_void_p]
helper.icesink_python_share_array.restype = c_int
helper.icesink_python_share_array.argtypes = [POINTER(ArrowArray), POINTER(ArrowArray)]
helper.icesink_python_share_schema.restype = c_int
helper.icesink_python_share_schema.argtypes = [POINTER(ArrowSchema), POINTER(ArrowSchema)]

VERSION: str = native.ice_version().decode()


def address_of(function: Any) -> int:
    """A C function as a plain pointer, to hand it to another one."""
    return ctypes.cast(function, c_void_p).value or 0


def encode(text: str) -> bytes:
    """A text as C takes it. Errors: ValueError for a zero character, which C would take for the end."""
    data = text.encode()
    if b"\0" in data:
        raise ValueError(f"a zero character in {text!r}")
    return data


def text_array(texts: "list[str]") -> Any:
    """Texts as an array of C strings; None where there is none. Keeps what it points to alive."""
    return (c_char_p * len(texts))(*[encode(t) for t in texts]) if texts else None
