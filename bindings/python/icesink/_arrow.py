"""The Arrow C data interface in both directions: PyCapsules of what the library gives, and whatever Arrow data a caller
has.

https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html. pyarrow is not needed.
"""

from __future__ import annotations

import ctypes
import datetime
import decimal
import struct
import uuid
from ctypes import POINTER, byref, c_void_p, pointer
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from . import _errors, _library
from ._library import ArrowArray, ArrowArrayStream, ArrowSchema

# Capsules ------------------------------------------------------------------------------------------------------------

_api = ctypes.pythonapi
_capsule_new = ctypes.PYFUNCTYPE(ctypes.py_object, c_void_p, ctypes.c_char_p, c_void_p)(("PyCapsule_New", _api))
_capsule_pointer = ctypes.PYFUNCTYPE(c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))

_libc = ctypes.CDLL(None)
_libc.malloc.restype = c_void_p
_libc.malloc.argtypes = [ctypes.c_size_t]

# Capsules keep a pointer to their name.
_NAMES = {ArrowSchema: b"arrow_schema", ArrowArray: b"arrow_array", ArrowArrayStream: b"arrow_array_stream"}
_DESTRUCTORS = {
    ArrowSchema: _library.address_of(_library.helper.icesink_python_free_schema),
    ArrowArray: _library.address_of(_library.helper.icesink_python_free_array),
    ArrowArrayStream: _library.address_of(_library.helper.icesink_python_free_stream),
}


def make_capsule(content: Any) -> Any:
    """A PyCapsule with the content of a structure, which is empty afterwards."""
    kind = type(content)
    size = ctypes.sizeof(kind)
    address = _libc.malloc(size)
    if not address:
        raise MemoryError
    ctypes.memmove(address, byref(content), size)
    ctypes.memset(byref(content), 0, size)
    return _capsule_new(address, _NAMES[kind], _DESTRUCTORS[kind])


def _content(capsule: Any, kind: Any) -> Any:
    """A pointer to the structure in a PyCapsule. Errors: ValueError for another capsule."""
    return ctypes.cast(_capsule_pointer(capsule, _NAMES[kind]), POINTER(kind))


def _release(content: Any) -> None:
    if content.release:
        content.release(byref(content))


# What the library gives ----------------------------------------------------------------------------------------------


class Schema:
    """The schema of a table or of rows. Hands itself to any Arrow library by `__arrow_c_schema__`."""

    def __init__(self, content: ArrowSchema) -> None:
        self._content = content

    @property
    def names(self) -> List[str]:
        return [child.contents.name.decode() for child in self._content.children[: self._content.n_children]]

    def __arrow_c_schema__(self) -> Any:
        return make_capsule(self._share())

    def _share(self) -> ArrowSchema:
        copy = ArrowSchema()
        if _library.helper.icesink_python_share_schema(byref(self._content), byref(copy)) != 0:
            raise MemoryError
        return copy

    def to_arrow(self) -> Any:
        """As a pyarrow.Schema. Errors: ImportError without pyarrow."""
        import pyarrow

        schema = self._share()
        return pyarrow.Schema._import_from_c(ctypes.addressof(schema))

    def __repr__(self) -> str:
        return f"icesink.Schema({', '.join(self.names)})"

    def __del__(self) -> None:
        if hasattr(self, "_content"):
            _release(self._content)


class Batch:
    """Rows. Hands itself to any Arrow library by `__arrow_c_array__`, as often as it is asked."""

    def __init__(self, schema: Schema, content: ArrowArray) -> None:
        self.schema = schema
        self._content = content

    def __len__(self) -> int:
        return int(self._content.length)

    def __arrow_c_schema__(self) -> Any:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: Any = None) -> Tuple[Any, Any]:
        # No cast is offered, which the protocol allows.
        return self.schema.__arrow_c_schema__(), make_capsule(self._share())

    def _share(self) -> ArrowArray:
        copy = ArrowArray()
        if _library.helper.icesink_python_share_array(byref(self._content), byref(copy)) != 0:
            raise MemoryError
        return copy

    def to_arrow(self) -> Any:
        """As a pyarrow.RecordBatch, without a copy. Errors: ImportError without pyarrow."""
        import pyarrow

        schema, array = self.schema._share(), self._share()
        return pyarrow.RecordBatch._import_from_c(ctypes.addressof(array), ctypes.addressof(schema))

    def to_pylist(self) -> List[Dict[str, Any]]:
        """The rows as dicts of Python's own types. Needs no pyarrow."""
        return _read(self.schema._content, self._content, 0, int(self._content.length))

    def __del__(self) -> None:
        if hasattr(self, "_content"):
            _release(self._content)


class Stream:
    """Batches, read once. Ownership: releases the native stream. Threads: one at a time."""

    def __init__(self, content: ArrowArrayStream) -> None:
        self._content = content
        schema = ArrowSchema()
        self._check(content.get_schema(byref(content), byref(schema)))
        self.schema = Schema(schema)

    def _check(self, code: int) -> None:
        if code != 0:
            text = self._content.get_last_error(byref(self._content))
            raise _errors.InputOutputError(
                text.decode("utf-8", "replace") if text else f"a stream failed with errno {code}", 0, code
            )

    def __iter__(self) -> Iterator[Batch]:
        try:
            while self._content.release:
                array = ArrowArray()
                self._check(self._content.get_next(byref(self._content), byref(array)))
                if not array.release:
                    return
                yield Batch(self.schema, array)
        finally:
            self.close()

    def close(self) -> None:
        _release(self._content)

    def __del__(self) -> None:
        if hasattr(self, "_content"):
            self.close()


# What callers give ---------------------------------------------------------------------------------------------------


def borrow_schema(given: Any, use: Callable[[Any], None]) -> None:
    """Call `use` with a pointer to an ArrowSchema of whatever has a schema. Errors: InvalidArgument."""
    if hasattr(given, "__arrow_c_schema__"):
        capsule = given.__arrow_c_schema__()
        use(_content(capsule, ArrowSchema))
        return
    if hasattr(given, "_export_to_c"):  # pyarrow before 14
        schema = ArrowSchema()
        given._export_to_c(ctypes.addressof(schema))
        try:
            use(pointer(schema))
        finally:
            _release(schema)
        return
    raise _errors.InvalidArgument(f"{type(given).__name__} is no Arrow schema: it has no __arrow_c_schema__")


def each_batch(given: Any, use: Callable[[Any, Any], None]) -> None:
    """Call `use` with pointers to an ArrowArray, which it takes over, and its ArrowSchema, for each batch of Arrow
    data.

    Errors: InvalidArgument for what is none; what the data's own stream raises or reports; those of `use`.
    """
    if hasattr(given, "__arrow_c_stream__"):
        capsule = given.__arrow_c_stream__()
        _drain(_content(capsule, ArrowArrayStream), use)
    elif hasattr(given, "__arrow_c_array__"):
        schema, array = given.__arrow_c_array__()
        use(_content(array, ArrowArray), _content(schema, ArrowSchema))
    elif hasattr(given, "to_reader"):  # pyarrow before 14: a table
        each_batch(given.to_reader(), use)
    elif hasattr(given, "read_next_batch"):  # the same: a reader
        stream = ArrowArrayStream()
        given._export_to_c(ctypes.addressof(stream))
        _drain(pointer(stream), use)
    elif hasattr(given, "_export_to_c"):  # the same: a batch
        array, schema = ArrowArray(), ArrowSchema()
        given._export_to_c(ctypes.addressof(array), ctypes.addressof(schema))
        try:
            use(pointer(array), pointer(schema))
        finally:
            _release(array)
            _release(schema)
    else:
        raise _errors.InvalidArgument(
            f"{type(given).__name__} is no Arrow data: it has neither __arrow_c_stream__ nor __arrow_c_array__"
        )


def _drain(stream: Any, use: Callable[[Any, Any], None]) -> None:
    content = stream.contents
    schema = ArrowSchema()

    def check(code: int) -> None:
        if code != 0:
            text = content.get_last_error(stream)
            raise _errors.InputOutputError(
                text.decode("utf-8", "replace") if text else f"a stream failed with errno {code}", 0, code
            )

    try:
        check(content.get_schema(stream, byref(schema)))
        while True:
            array = ArrowArray()
            check(content.get_next(stream, byref(array)))
            if not array.release:
                return
            try:
                use(pointer(array), pointer(schema))
            finally:
                _release(array)
    finally:
        _release(schema)
        # In place: the capsule's owner then finds it released.
        if content.release:
            content.release(stream)


# Reading without pyarrow ---------------------------------------------------------------------------------------------

_EPOCH = datetime.datetime(1970, 1, 1)
_UTC_EPOCH = _EPOCH.replace(tzinfo=datetime.timezone.utc)
_NUMBERS = {"c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "l": "q", "L": "Q", "f": "f", "g": "d"}


def _bytes_at(address: Optional[int], size: int) -> bytes:
    return ctypes.string_at(address, size) if address and size else b""


def _bits(address: int, offset: int, count: int) -> List[bool]:
    first = offset // 8
    data = _bytes_at(address + first, (offset + count + 7) // 8 - first)
    return [bool(data[(offset + i) // 8 - first] >> ((offset + i) % 8) & 1) for i in range(count)]


def _numbers(array: ArrowArray, code: str, offset: int, count: int) -> List[Any]:
    size = struct.calcsize("=" + code)
    address = array.buffers[1]
    return list(struct.unpack(f"={count}{code}", _bytes_at(address + offset * size, count * size))) if count else []


def _ends(array: ArrowArray, offset: int, count: int) -> List[int]:
    return list(struct.unpack(f"={count + 1}i", _bytes_at(array.buffers[1] + offset * 4, (count + 1) * 4)))


def _read_bytes(array: ArrowArray, offset: int, count: int) -> List[bytes]:
    ends = _ends(array, offset, count)
    data = _bytes_at(array.buffers[2] + ends[0] if array.buffers[2] else None, ends[-1] - ends[0])
    return [data[ends[i] - ends[0] : ends[i + 1] - ends[0]] for i in range(count)]


def _read_fixed(array: ArrowArray, size: int, offset: int, count: int) -> List[bytes]:
    data = _bytes_at(array.buffers[1] + offset * size, count * size)
    return [data[i * size : (i + 1) * size] for i in range(count)]


def _read_lists(schema: ArrowSchema, array: ArrowArray, offset: int, count: int) -> List[List[Any]]:
    ends = _ends(array, offset, count)
    values = _read(schema.children[0].contents, array.children[0].contents, ends[0], ends[-1] - ends[0])
    return [values[ends[i] - ends[0] : ends[i + 1] - ends[0]] for i in range(count)]


def _is_uuid(schema: ArrowSchema) -> bool:
    return b"arrow.uuid" in _metadata(schema).values()


def _metadata(schema: ArrowSchema) -> Dict[bytes, bytes]:
    """The key-value metadata of a schema: counts and sizes as native int32 before the bytes."""
    found: Dict[bytes, bytes] = {}
    if not schema.metadata:
        return found
    at = schema.metadata

    def integer() -> int:
        nonlocal at
        at += 4
        return int(ctypes.c_int32.from_address(at - 4).value)

    def text() -> bytes:
        nonlocal at
        size = integer()
        at += size
        return ctypes.string_at(at - size, size)

    for _ in range(integer()):
        key = text()
        found[key] = text()
    return found


def _read(schema: ArrowSchema, array: ArrowArray, first: int, count: int) -> List[Any]:
    """Values [first, first + count) of an array of the types that the library gives."""
    layout = schema.format.decode()
    offset = int(array.offset) + first
    values: List[Any]
    if layout == "+s":
        columns = [
            (s.contents.name.decode(), _read(s.contents, a.contents, offset, count))
            for s, a in zip(schema.children[: schema.n_children], array.children[: array.n_children])
        ]
        values = [{name: column[i] for name, column in columns} for i in range(count)]
    elif layout == "b":
        values = list(_bits(array.buffers[1], offset, count)) if count else []
    elif layout in _NUMBERS:
        values = _numbers(array, _NUMBERS[layout], offset, count)
    elif layout == "u":
        values = [v.decode() for v in _read_bytes(array, offset, count)] if count else []
    elif layout == "z":
        values = list(_read_bytes(array, offset, count)) if count else []
    elif layout.startswith("w:"):
        values = list(_read_fixed(array, int(layout[2:]), offset, count))
        values = [uuid.UUID(bytes=v) for v in values] if _is_uuid(schema) else values
    elif layout.startswith("d:"):
        scale = int(layout[2:].split(",")[1])
        values = [
            decimal.Decimal(int.from_bytes(v, "little", signed=True)).scaleb(-scale, _EXACT)
            for v in _read_fixed(array, 16, offset, count)
        ]
    elif layout == "tdD":
        values = [(_EPOCH + datetime.timedelta(days=v)).date() for v in _numbers(array, "i", offset, count)]
    elif layout == "ttu":
        values = [(_EPOCH + datetime.timedelta(microseconds=v)).time() for v in _numbers(array, "q", offset, count)]
    elif layout.startswith("tsu:"):
        epoch = _UTC_EPOCH if layout[4:] else _EPOCH
        values = [epoch + datetime.timedelta(microseconds=v) for v in _numbers(array, "q", offset, count)]
    elif layout == "+l":
        values = list(_read_lists(schema, array, offset, count)) if count else []
    elif layout == "+m":
        entries = _read_lists(schema, array, offset, count) if count else []
        values = [dict(tuple(entry.values()) for entry in row) for row in entries]
    else:
        raise _errors.Unsupported(f"column {schema.name.decode()} has the Arrow format {layout}; read it with pyarrow")
    if array.null_count != 0 and array.buffers[0] and count:
        values = [v if there else None for v, there in zip(values, _bits(array.buffers[0], offset, count))]
    return values


# Enough digits for any decimal, whatever the thread's own context is.
_EXACT = decimal.Context(prec=76)
