# Numbers of every type that programs take and files hold: arrays, arrays without
# dimensions, and numbers from files or from the command line.

# RUN: %python %s mfa-run | FileCheck %s
# CHECK-NOT: FAIL
# CHECK: 78 cases, 0 failed

import os
import re
import struct
import subprocess
import sys
import tempfile

MFA_RUN = sys.argv[1]
os.chdir(tempfile.mkdtemp())

CODES = {"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H",
         "u4": "I", "u8": "Q", "f2": "e", "f4": "f", "f8": "d", "V2": "H"}
# The type of a file of each type of numbers.
FILES = {"f16": "<f2", "bf16": "<u2", "f32": "<f4", "f64": "<f8", "i1": "|b1",
         "i8": "|i1", "i16": "<i2", "i32": "<i4", "i64": "<i8", "index": "<i8"}

failures = count = 0


def fail(name, reason):
    global failures
    failures += 1
    print(f"FAIL {name}: {reason}")


def save(name, descr, values, shape=None, fortran=False, version=1):
    shape = (len(values),) if shape is None else shape
    header = repr({"descr": descr, "fortran_order": fortran, "shape": shape})
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    order = ">" if descr[0] == ">" else "<"
    with open(name, "wb") as file:
        file.write(b"\x93NUMPY" + bytes([version, 0]) + length + header.encode())
        file.write(b"".join(struct.pack(order + CODES.get(descr[1:], "B"), value)
                            for value in values))


def load(name):
    with open(name, "rb") as file:
        data = file.read()
    size = 10 + struct.unpack("<H", data[8:10])[0]
    header = eval(data[10:size])
    code = "<" + CODES[header["descr"][1:]]
    return header["descr"], header["shape"], [
        value[0] for value in struct.iter_unpack(code, data[size:])]


def run(types, arguments, expected):
    """Runs a program that returns its arguments, numbers in arrays without
    dimensions, and compares descr, shape and values of the results."""
    global count
    body, results, names = "", [], []
    for index, type in enumerate(types):
        if "<" in type:
            results.append(type)
            names.append(f"%a{index}")
        else:
            results.append(f"tensor<{type}>")
            names.append(f"%r{index}")
            body += (f"  %r{index} = tensor.from_elements %a{index} : "
                     f"tensor<{type}>\n")
    parameters = ", ".join(f"%a{index}: {type}" for index, type in enumerate(types))
    with open("p.mlir", "w") as file:
        file.write(f"func.func @main({parameters}) -> ({', '.join(results)}) {{\n{body}"
                   f"  return {', '.join(names)} : {', '.join(results)}\n}}\n")
    command = [MFA_RUN, "p.mlir", "--target", "cpu"]
    for argument in arguments:
        command += [f"--arg={argument}"]
    for index in range(len(types)):
        command += ["--out", f"o{index}.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        count += 1
        return fail(" ".join(command), done.stderr)
    for index, (type, argument) in enumerate(zip(types, arguments)):
        count += 1
        actual = load(f"o{index}.npy")
        if repr(actual) != repr(expected[index]):
            fail(f"{argument} as {type}", f"{actual}, expected {expected[index]}")
    return done.stderr


def refuse(type, argument, message):
    """The argument must be refused with the message."""
    global count
    count += 1
    with open("p.mlir", "w") as file:
        file.write(f"func.func @main(%a: {type}) {{\n  return\n}}\n")
    done = subprocess.run(
        [MFA_RUN, "p.mlir", "--target", "cpu", "--bench", f"--arg={argument}"],
        capture_output=True, text=True)
    if done.returncode != 1 or not re.search(message, done.stderr):
        fail(f"{argument} as {type}", f"exit {done.returncode}\n{done.stderr}")


def bf16(value):
    return struct.unpack("<I", struct.pack("<f", value))[0] >> 16


# Arrays of each type, of rank 1 and 0, and numbers of it.
values = {"f16": [1.5, -2.0], "bf16": [bf16(1.5), bf16(-2.0)], "f32": [0.5, -3.25],
          "f64": [1e300, -1.1], "i1": [True, False], "i8": [-128, 127],
          "i16": [-32768, 32767], "i32": [-2**31, 2**31 - 1],
          "i64": [-2**63, 2**63 - 1], "index": [-5, 2**40]}
texts = {"f16": "1.5", "bf16": "1.5", "f32": "0.5", "f64": "1e300", "i1": "true",
         "i8": "-128", "i16": "-32768", "i32": "-2147483648",
         "i64": "-9223372036854775808", "index": "-5"}
for type, descr in FILES.items():
    save(f"{type}.npy", descr, values[type])
    save(f"{type}0.npy", descr, values[type][:1], ())
arrays = [(FILES[type], (2,), values[type]) for type in FILES]
zeros = [(FILES[type], (), values[type][:1]) for type in FILES]
quiet = run([f"tensor<?x{type}>" for type in FILES], [f"{t}.npy" for t in FILES], arrays)
quiet += run([f"tensor<{type}>" for type in FILES], [f"{t}0.npy" for t in FILES], zeros)
quiet += run(list(FILES), [f"{type}0.npy" for type in FILES], zeros)
quiet += run(list(FILES), [texts[type] for type in FILES], zeros)
if quiet:
    fail("a notice", quiet)

# Other files of the same values: other widths, byte order, order of the elements,
# versions of the format, bf16 as ml_dtypes saves it, no elements.
save("wide.npy", ">i8", [-3, 4])
save("byte.npy", "|u1", [0, 255])
save("bool.npy", "|b1", [True, False])
save("long.npy", "<u8", [2**63, 7])
save("bits.npy", "<V2", [bf16(1.5), bf16(-2.0)])
save("zero.npy", "<V2", [bf16(1.5)], ())
save("big.npy", ">f4", [0.5, -3.25], version=2)
save("columns.npy", "<i4", [1, 4, 2, 5, 3, 6], (2, 3), fortran=True, version=3)
save("cube.npy", ">i2", list(range(8)), (2, 2, 2), fortran=True)
save("half.npy", "<f2", [1.5, -2.0])
save("empty.npy", "<i4", [], (0, 3))
with open("truth.npy", "wb") as file:
    file.write(open("bool.npy", "rb").read()[:-2] + b"\x00\x02")
quiet = run(
    ["tensor<2xi32>", "tensor<2xi16>", "tensor<2xi8>", "tensor<2xi8>", "tensor<2xi64>",
     "tensor<2xbf16>", "bf16", "tensor<2xf32>", "tensor<2x3xi32>", "tensor<2x2x2xi16>",
     "tensor<2xf64>", "tensor<0x3xi32>", "tensor<2xi1>"],
    ["wide.npy", "byte.npy", "byte.npy", "bool.npy", "long.npy", "bits.npy", "zero.npy",
     "big.npy", "columns.npy", "cube.npy", "half.npy", "empty.npy", "truth.npy"],
    [("<i4", (2,), [-3, 4]), ("<i2", (2,), [0, 255]), ("|i1", (2,), [0, -1]),
     ("|i1", (2,), [1, 0]), ("<i8", (2,), [-2**63, 7]),
     ("<u2", (2,), values["bf16"]), ("<u2", (), values["bf16"][:1]),
     ("<f4", (2,), [0.5, -3.25]), ("<i4", (2, 3), [1, 2, 3, 4, 5, 6]),
     ("<i2", (2, 2, 2), [0, 4, 2, 6, 1, 5, 3, 7]), ("<f8", (2,), [1.5, -2.0]),
     ("<i4", (0, 3), []), ("|b1", (2,), [False, True])])
if quiet:
    fail("a notice", quiet)
notes = run(["tensor<2xf32>", "tensor<?xf16>"], ["f64.npy", "f32.npy"],
            [("<f4", (2,), [float("inf"), struct.unpack("f", struct.pack("f", -1.1))[0]]),
             ("<f2", (2,), [0.5, -3.25])])
if notes.count("rounded from") != 2:
    fail("notices", notes)

# What is beyond a type, or of a kind that it is not read from.
refuse("tensor<2xi32>", "i64.npy",
       r"argument 1 \('i64.npy'\): expected elements from -2147483648 to 2147483647 for "
       "i32 but got -9223372036854775808 at position 0")
refuse("tensor<2xi32>", "long.npy", "but got 9223372036854775808 at position 0")
refuse("tensor<2xi1>", "byte.npy", "expected elements from 0 to 1 for i1 but got 255 at "
       "position 1")
refuse("tensor<2xi8>", "f32.npy", r"expected elements of type \|i1 \(or integers\) for i8 "
       "but got <f4")
refuse("tensor<2xi16>", "bits.npy", "for i16 but got <V2")
refuse("tensor<2xf32>", "i32.npy", r"expected elements of type <f4 \(or "
       r"floating-point\) for f32 but got <i4")
refuse("tensor<2xf32>", "bits.npy", "for f32 but got <V2, which is read as bf16 for bf16 "
       r"only; save array.astype\(numpy.float32\)")
refuse("f32", "f32.npy", "expected rank 0 for f32 but got rank 1")
refuse("tensor<f32>", "f32.npy", "expected rank 0 for tensor<f32> but got rank 1")
refuse("tensor<1xf32>", "f320.npy", "expected rank 1 for tensor<1xf32> but got rank 0")
refuse("i8", "128", "argument 1: expected an integer from -128 to 127 for i8 but got 128")
refuse("i1", "2", "expected an integer from 0 to 1 for i1 but got 2")
refuse("i64", "9" * 30, "expected an integer from -9223372036854775808 to "
       "9223372036854775807 for i64 but got 9999")
refuse("f16", "65520", "expected a number within f16 but got 65520")
refuse("bf16", "1e40", "expected a number within bf16 but got 1e40")
refuse("i32", "1.5", "expected a number or a .npy file for i32 but got '1.5'")
refuse("index", "two", "expected a number or a .npy file for index but got 'two'")
for type, shown in [("tensor<2xui8>", "tensor<2xui8>"), ("i7", "i7"),
                    ("vector<2xf32>", "vector<2xf32>"), ("tensor<*xf32>", r"tensor<\*xf32>"),
                    ("tensor<2xf8E5M2>", "tensor<2xf8E5M2>"),
                    ("complex<f32>", "complex<f32>")]:
    refuse(type, "f32.npy", "argument 1: expected a number, or a ranked tensor or memref "
           "of numbers, of type f16, bf16, f32, f64, i1, i8, i16, i32, i64 or index but "
           f"got {shown}")

print(f"{count} cases, {failures} failed")
