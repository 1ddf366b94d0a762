"""XLA's side of a call of a foreign function, made by hand.

Its structures are those of xla/ffi/api/c_api.h. Run as a program, with the tests'
CUDA driver in place of the real one, it calls the handler for GPUs as its argument
says, and prints the errors that come back; what was said to the driver is on stderr.
"""

import ctypes
import sys

import numpy as np

POINTER, SIZE = ctypes.c_void_p, ctypes.c_size_t
STREAM = 0x77
TYPES = {"bool": 1, "int32": 4, "int64": 5, "float16": 10, "float32": 11}
TYPES["float64"] = 12
ARRAY, SCALAR, STRING = 1, 3, 4


def structure(name, **fields):
    return type(name, (ctypes.Structure,), {"_fields_": list(fields.items())})


HEAD = {"struct_size": SIZE, "extensions": POINTER}
Span = structure("Span", data=ctypes.c_char_p, size=SIZE)
Scalar = structure("Scalar", type=ctypes.c_int, value=POINTER)
ArrayValue = structure("ArrayValue", type=ctypes.c_int, size=SIZE, data=POINTER)
Buffer = structure(
    "Buffer",
    **HEAD,
    type=ctypes.c_int,
    data=POINTER,
    rank=ctypes.c_int64,
    sizes=ctypes.POINTER(ctypes.c_int64),
)
Buffers = structure(
    "Buffers",
    **HEAD,
    size=ctypes.c_int64,
    types=ctypes.POINTER(ctypes.c_int),
    values=ctypes.POINTER(POINTER),
)
Attributes = structure(
    "Attributes",
    **HEAD,
    size=ctypes.c_int64,
    types=ctypes.POINTER(ctypes.c_int),
    names=ctypes.POINTER(POINTER),
    values=ctypes.POINTER(POINTER),
)
Version = structure("Version", **HEAD, major=ctypes.c_int, minor=ctypes.c_int)
ErrorOptions = structure(
    "ErrorOptions", **HEAD, message=ctypes.c_char_p, code=ctypes.c_int
)
StreamOptions = structure("StreamOptions", **HEAD, context=POINTER, stream=POINTER)
DeviceOptions = structure(
    "DeviceOptions", **HEAD, context=POINTER, device=ctypes.c_int32
)
CREATE_ERROR = ctypes.CFUNCTYPE(POINTER, ctypes.POINTER(ErrorOptions))
GET_STREAM = ctypes.CFUNCTYPE(POINTER, ctypes.POINTER(StreamOptions))
GET_DEVICE = ctypes.CFUNCTYPE(POINTER, ctypes.POINTER(DeviceOptions))
API = structure(
    "API",
    **HEAD,
    version=Version,
    internal=POINTER,
    create_error=CREATE_ERROR,
    unused=POINTER * 3,
    get_stream=GET_STREAM,
    more_unused=POINTER * 12,
    get_device=GET_DEVICE,
)
Frame = structure(
    "Frame",
    **HEAD,
    api=ctypes.POINTER(API),
    context=POINTER,
    stage=ctypes.c_int,
    arguments=Buffers,
    results=Buffers,
    attributes=Attributes,
)
HANDLER = ctypes.CFUNCTYPE(POINTER, ctypes.POINTER(Frame))


class XLA:
    """What handlers see of XLA; `errors` are those that they make."""

    def __init__(self, device=0, stream_error=0, api_size=ctypes.sizeof(API)):
        self.errors = []

        @CREATE_ERROR
        def create_error(options):
            self.errors.append((options[0].code, options[0].message.decode()))
            return len(self.errors)

        @GET_STREAM
        def get_stream(options):
            options[0].stream = STREAM
            return stream_error

        @GET_DEVICE
        def get_device(options):
            options[0].device = device
            return 0

        self.api = API(
            struct_size=api_size,
            create_error=create_error,
            get_stream=get_stream,
            get_device=get_device,
        )

    def call(self, platform, arguments, results, stage="execute", /, **attributes):
        """What the handler of a platform returns: 0, or the number of an error."""
        from mfa import _mfa

        capsule = _mfa.xla_handlers()[platform][stage]
        read = ctypes.pythonapi.PyCapsule_GetPointer
        read.restype, read.argtypes = POINTER, [ctypes.py_object, ctypes.c_char_p]
        alive = []
        frame = Frame(
            struct_size=ctypes.sizeof(Frame),
            api=ctypes.pointer(self.api),
            stage={"instantiate": 0, "execute": 3}[stage],
            arguments=_buffers(arguments, alive),
            results=_buffers(results, alive),
            attributes=_attributes(attributes, alive),
        )
        return HANDLER(read(capsule, None))(frame) or 0


def _array_of(kind, values):
    return (kind * max(len(values), 1))(*values)


def _address(value, alive):
    alive.append(value)
    return ctypes.addressof(value)


def _buffers(arrays, alive):
    values = []
    for array in arrays:
        buffer = Buffer(
            type=TYPES[array.dtype.name],
            data=array.ctypes.data,
            rank=array.ndim,
            sizes=_array_of(ctypes.c_int64, array.shape),
        )
        alive.append(array)
        values.append(_address(buffer, alive))
    return Buffers(
        size=len(values),
        types=_array_of(ctypes.c_int, [1] * len(values)),
        values=_array_of(POINTER, values),
    )


def _attributes(attributes, alive):
    types, names, values = [], [], []
    for name, value in sorted(attributes.items()):
        names.append(_address(Span(name.encode(), len(name)), alive))
        if isinstance(value, str):
            kind, entry = STRING, Span(value.encode(), len(value))
        elif value.ndim:
            kind = ARRAY
            entry = ArrayValue(TYPES[value.dtype.name], value.size, value.ctypes.data)
        else:
            kind, entry = SCALAR, Scalar(TYPES[value.dtype.name], value.ctypes.data)
        alive.append(value)
        types.append(kind)
        values.append(_address(entry, alive))
    return Attributes(
        size=len(values),
        types=_array_of(ctypes.c_int, types),
        names=_array_of(POINTER, names),
        values=_array_of(POINTER, values),
    )


def attributes(**changed):
    """Those of a call without mask, sinks and rules, but for `changed`."""
    no = np.array(False)
    plain = {"mask": no, "sinks": no, "rules": "", "target": "", "tiles": ""}
    return plain | changed


def main(what):
    from mfa import masks
    from mfa._rules import bind

    q = np.zeros((2, 4, 4, 64), np.float16)
    k = np.zeros((2, 6, 2, 64), np.float16)
    lse = np.zeros((2, 4, 4), np.float32)
    xla, more = XLA(), {}
    arguments, results = [q, k, k], [np.zeros_like(q)]
    if what == "second-device":
        xla = XLA(device=1)
    elif what == "rules":
        lengths = np.array([3, 5], np.int32)
        rule = masks.lengths(lengths) & masks.window(3, 0)
        rules, captures = bind(rule, None, lengths)
        numbers = np.array(captures[1:], np.int64)
        more = {"rules": rules.text, "integers": numbers}
        more["mask"] = more["sinks"] = np.array(True)
        more["scale"] = np.array(0.5, np.float32)
        arguments += [np.zeros((1, 4, 6), np.float32), np.zeros(4, np.float32), lengths]
        results.append(lse)
    elif what == "one-query":
        arguments[0] = q[:, :1]
        results = [np.zeros_like(q[:, :1])]
    elif what == "target":
        more = {"target": "cpu"}
    elif what == "old":
        xla = XLA(api_size=API.get_device.offset)
    elif what == "no-stream":
        xla = XLA(stream_error=7)
    elif what == "compile":
        # As XLA does when it makes an executable, in front of the calls.
        forms = np.array([10, 4, *q.shape] + 2 * [10, 4, *k.shape])
        more = {"arguments": forms, "results": np.array([10, 4, *q.shape])}
        print("compile", file=sys.stderr)
        print(xla.call("CUDA", [], [], "instantiate", **attributes(**more)))
    for _ in range(3):
        print("call", file=sys.stderr)
        print(xla.call("CUDA", arguments, results, **attributes(**more)))
    print(*xla.errors[:1])


if __name__ == "__main__":
    main(sys.argv[1])
