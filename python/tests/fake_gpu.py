"""A library of arrays on a GPU that is not there.

Its arrays have DLPack's C interface, made of Python callbacks; their memory is
host memory, as that of the fake driver. Run as a program, with that driver in
place of the real one, it does what its argument names and prints the result;
what was said to the driver is on stderr.
"""

import ctypes
import sys

STREAM = 0x77


class Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("id", ctypes.c_int32)]


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", Device),
        ("rank", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("sizes", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_uint64),
    ]


DESCRIBE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(Tensor))
CURRENT_STREAM = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p)
)


class Functions(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("previous", ctypes.c_void_p),
        ("unused", ctypes.c_void_p * 3),
        ("describe", DESCRIBE),
        ("current_stream", CURRENT_STREAM),
    ]


@DESCRIBE
def describe(array, tensor):
    tensor[0].data = ctypes.addressof(array.memory)
    tensor[0].device = Device(2, array.device)
    tensor[0].rank = len(array.shape)
    tensor[0].code, tensor[0].bits, tensor[0].lanes = 2, 16, 1
    tensor[0].sizes = array.sizes
    if array.strides is not None:
        tensor[0].strides = array.strides
    return 0


@CURRENT_STREAM
def current_stream(kind, device, stream):
    stream[0] = STREAM
    return 0


functions = Functions(1, 3, None, (None, None, None), describe, current_stream)
# Capsules point to their names.
CAPSULE_NAME = b"dlpack_exchange_api"
make_capsule = ctypes.pythonapi.PyCapsule_New
make_capsule.restype = ctypes.py_object
make_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class Array:
    """A f16 array, contiguous unless it is made with strides in the memory of another
    one."""

    __dlpack_c_exchange_api__ = make_capsule(
        ctypes.addressof(functions), CAPSULE_NAME, None
    )

    def __init__(self, *shape, device=0, of=None, strides=None):
        self.shape, self.device = shape, device
        count = 1
        for size in shape:
            count *= size
        self.memory = of.memory if of else (ctypes.c_uint16 * max(count, 1))()
        self.sizes = (ctypes.c_int64 * len(shape))(*shape)
        self.strides = (ctypes.c_int64 * len(shape))(*strides) if strides else None

    def __dlpack_device__(self):
        return 2, self.device


other_functions = Functions(1, 3, None, (None, None, None), describe, current_stream)


class OtherArray(Array):
    """An array of another library."""

    __module__ = "elsewhere"
    __dlpack_c_exchange_api__ = make_capsule(
        ctypes.addressof(other_functions), CAPSULE_NAME, None
    )


class SubArray(Array):
    """A user's own class of this library's arrays."""

    __module__ = "user"


def from_dlpack(array):
    """What such a library does with the array of another one."""
    capsule = array.__dlpack__(stream=STREAM)
    return "taken", array.__class__.__name__, type(capsule).__name__


def main(what):
    import mfa

    q, k = Array(1, 4, 2, 64), Array(1, 6, 2, 64)
    if what == "other-device":
        mfa.masked_attention(q, Array(1, 6, 2, 64, device=1), k)
    elif what == "second-device":
        arrays = [Array(*x.shape, device=1) for x in (q, k, k, q)]
        mfa.masked_attention(*arrays[:3], out=arrays[3])
    elif what == "other-library":
        mfa.masked_attention(SubArray(*q.shape), k, k, out=OtherArray(*q.shape))
    elif what == "output":
        print(mfa.masked_attention(q, k, k))
    elif what == "target":
        mfa.masked_attention(q, k, k, target="cpu")
    elif what == "views":
        far = Array(1, 12, 2, 64, of=Array(1, 24, 2, 64), strides=(3072, 256, 64, 1))
        near = Array(*far.shape, of=far)
        out = Array(*q.shape)
        for k in (near, far, near, far):
            print("call", file=sys.stderr)
            mfa.masked_attention(q, k, k, out=out)
    elif what == "resources":
        kernel = mfa.compile(
            mfa.Spec(q.shape, "f16"), mfa.Spec(k.shape, "f16"), mfa.Spec(k.shape, "f16")
        )
        print(kernel.target, kernel.chip, sorted(kernel.resources))
    else:
        out = Array(*q.shape)
        for _ in range(3):
            print("call", file=sys.stderr)
            mfa.masked_attention(q, k, k, out=out)


if __name__ == "__main__":
    # from_dlpack is looked for in the module that the arrays' class is from.
    import fake_gpu

    fake_gpu.main(sys.argv[1])
