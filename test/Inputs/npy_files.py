"""Reads and writes .npy files, for the programs of tests: without NumPy, which not
every machine that runs them has.

    sys.path.insert(0, ...)  # the folder of this file
    from npy_files import load, save

Elements are plain numbers. NumPy has no bf16: files hold its bits, `<u2` or `<V2`,
which to_bf16 makes of a number and from_bf16 turns back.
"""

import ast
import math
import struct

# By type without its byte order.
CODES = {"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H",
         "u4": "I", "u8": "Q", "f2": "e", "f4": "f", "f8": "d", "V2": "H"}


def get_code(descr):
    order = ">" if descr[0] == ">" else "<"
    return order + CODES[descr[1:]]


def to_bf16(value):
    """The bits of a number, rounded to nearest even."""
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def from_bf16(bits):
    return struct.unpack("<f", struct.pack("<I", bits << 16))[0]


def save(path, values, descr="<f4", shape=None, *, fortran=False, version=1):
    """Writes `values` in the order of the file, as one dimension unless `shape` says
    more. Versions of the format are 1, 2 and 3."""
    shape = (len(values),) if shape is None else tuple(shape)
    header = repr({"descr": descr, "fortran_order": fortran, "shape": shape})
    prefix = 10 if version == 1 else 12
    header += " " * (-(prefix + len(header) + 1) % 64) + "\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    code = get_code(descr)
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY" + bytes([version, 0]) + length + header.encode())
        file.write(b"".join(struct.pack(code, value) for value in values))


def load(path):
    """Returns type, shape and elements of a file in row-major order."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:6] == b"\x93NUMPY", path
    if data[6] == 1:
        start, (size,) = 10, struct.unpack("<H", data[8:10])
    else:
        start, (size,) = 12, struct.unpack("<I", data[8:12])
    header = ast.literal_eval(data[start : start + size].decode())
    descr, shape = header["descr"], header["shape"]
    assert not header["fortran_order"] or len(shape) < 2, path
    elements = struct.iter_unpack(get_code(descr), data[start + size :])
    values = [value for (value,) in elements]
    assert len(values) == math.prod(shape), path
    return descr, shape, values
