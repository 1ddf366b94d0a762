"""Writes .npy files for the tests, right ones and wrong ones, without NumPy.

npy.py FILE TYPE SHAPE [--order F] [--version N] [--cut BYTES] [--fill VALUE]
       [--header TEXT]
npy.py --print FILE

TYPE is NumPy's, such as <f4; SHAPE is 2x3x4, or 'scalar'. The elements are 0,
1/8, 2/8, ... modulo 2, or --fill. --print shows type, shape and elements.
"""

import argparse
import ast
import math
import struct
import sys

CODES = {"<f2": "<e", "<f4": "<f", "<f8": "<d", "<u2": "<H", "|b1": "<?",
         "<i4": "<i"}


def bf16(value):
    return struct.unpack("<I", struct.pack("<f", value))[0] >> 16


def write(options):
    shape = [] if options.shape == "scalar" else \
        [int(size) for size in options.shape.split("x")]
    code = CODES[options.type]
    data = b""
    for index in range(math.prod(shape)):
        value = index % 16 / 8 if options.fill is None else options.fill
        if options.type == "<u2":
            value = bf16(value)
        elif options.type == "|b1":
            value = bool(value)
        elif options.type == "<i4":
            value = int(value)
        data += struct.pack(code, value)
    header = options.header or str({"descr": options.type,
                                    "fortran_order": options.order == "F",
                                    "shape": tuple(shape)})
    prefix = 10 if options.version == 1 else 12
    header += " " * (-(prefix + len(header) + 1) % 64) + "\n"
    length = struct.pack("<H" if options.version == 1 else "<I", len(header))
    data = b"\x93NUMPY" + bytes([options.version, 0]) + length + \
        header.encode() + data
    with open(options.file, "wb") as file:
        file.write(data[: len(data) - options.cut])


def show(path):
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    size = struct.unpack("<H", data[8:10])[0]
    assert (10 + size) % 64 == 0 and data[9 + size:10 + size] == b"\n"
    header = ast.literal_eval(data[10:10 + size].decode())
    code = CODES[header["descr"]]
    values = [value[0] for value in struct.iter_unpack(code, data[10 + size:])]
    if header["descr"] == "<u2":
        values = [struct.unpack("<f", struct.pack("<I", bits << 16))[0]
                  for bits in values]
    assert len(values) == math.prod(header["shape"])
    print(header["descr"], "x".join(map(str, header["shape"])) or "scalar",
          *(f"{value:g}" for value in values[:16]))


if sys.argv[1] == "--print":
    show(sys.argv[2])
else:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("type")
    parser.add_argument("shape")
    parser.add_argument("--order", default="C")
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--cut", type=int, default=0)
    parser.add_argument("--fill", type=float)
    parser.add_argument("--header")
    write(parser.parse_args())
