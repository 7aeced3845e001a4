"""Thrift's compact protocol, used by Parquet's footers. Source: thrift-compact-protocol.md.

A struct is {field: (type, value)}, a list is (type of its elements, values), so that it can be modified and
written again.
"""

from __future__ import annotations

import struct
from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, _MAP, STRUCT = range(1, 13)
Struct = dict[int, tuple[int, Any]]

_LONG_LIST = 15
_LONGEST_NUMBER = 63  # bits before a number's last byte
_DEEPEST = 16  # nested structs; Parquet's are five deep


def read_struct(body: bytes | memoryview, at: int = 0) -> Struct:
    """Return the struct at an offset. Raises ValueError if it is invalid."""
    return read_header(body, at)[0]


def read_header(body: bytes | memoryview, at: int = 0) -> tuple[Struct, int]:
    """Return the struct at an offset, and its end. Raises ValueError if it is invalid."""
    reader = _Reader(body, at)
    try:
        return reader.struct(0), reader.at
    except (IndexError, struct.error) as error:
        raise ValueError("its Thrift ends too soon") from error


def write_struct(fields: Struct) -> bytes:
    """Return a struct as bytes, with fields in the order of their numbers."""
    out = bytearray()
    _write(out, STRUCT, fields)
    return bytes(out)


class _Reader:
    def __init__(self, body: bytes | memoryview, at: int) -> None:
        self._body, self.at = body, at

    def struct(self, depth: int) -> Struct:
        if depth > _DEEPEST:
            raise ValueError("its Thrift is too deep")
        fields: Struct = {}
        number = 0
        while head := self._byte():
            kind = head & 15
            number = number + (head >> 4) if head >> 4 else self._signed()
            # Most values are numbers; handling them here saves half of the calls.
            fields[number] = (kind, self._signed() if I16 <= kind <= I64 else self._value(kind, depth))
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind in (I16, I32, I64):
            return self._signed()
        if kind == BINARY:
            return self._take(self._unsigned())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            head = self._byte()
            count, inner = head >> 4, head & 15
            if count == _LONG_LIST:
                count = self._unsigned()
            if inner in (TRUE, FALSE):
                return inner, [self._byte() == TRUE for _ in range(count)]
            return inner, [self._value(inner, depth) for _ in range(count)]
        if kind == BYTE:
            return self._byte()
        if kind == DOUBLE:
            return struct.unpack("<d", self._take(8))[0]
        raise ValueError(f"its Thrift has a type {kind}, which Parquet does not use")

    def _byte(self) -> int:
        value = self._body[self.at]
        self.at += 1
        return value

    def _take(self, size: int) -> bytes:
        taken = bytes(self._body[self.at : self.at + size])
        if len(taken) != size:
            raise ValueError("its Thrift ends too soon")
        self.at += size
        return taken

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._body[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > _LONGEST_NUMBER:
                raise ValueError("its Thrift has a number that is too long")

    def _signed(self) -> int:
        value = self._body[self.at]
        if value < 0x80:
            self.at += 1
        else:
            value = self._unsigned()
        return (value >> 1) ^ -(value & 1)


def _write(out: bytearray, kind: int, value: Any) -> None:
    if kind in (I16, I32, I64):
        _write_unsigned(out, (value << 1) ^ (value >> 63))
    elif kind == BINARY:
        _write_unsigned(out, len(value))
        out += value
    elif kind == STRUCT:
        before = 0
        for number, (inner, content) in value.items():
            shown = (TRUE if content else FALSE) if inner in (TRUE, FALSE) else inner
            if 0 < number - before < 16:
                out.append((number - before) << 4 | shown)
            else:
                out.append(shown)
                _write(out, I16, number)
            _write(out, inner, content)
            before = number
        out.append(0)
    elif kind in (LIST, SET):
        inner, values = value
        if len(values) < _LONG_LIST:
            out.append(len(values) << 4 | inner)
        else:
            out.append(_LONG_LIST << 4 | inner)
            _write_unsigned(out, len(values))
        for each in values:
            if inner in (TRUE, FALSE):
                out.append(TRUE if each else FALSE)
            _write(out, inner, each)
    elif kind == BYTE:
        out.append(value)
    elif kind == DOUBLE:
        out += struct.pack("<d", value)


def _write_unsigned(out: bytearray, value: int) -> None:
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
