# Copies between tensors and shared memory: boxes of 1 to 5 dimensions, every
# swizzle, clipping and fills.

from string import Template

import numpy as np

from program import Test, build, copy_in, copy_out, memref

# cuTensorMapEncodeTiled's data types.
DATA_TYPES = {np.dtype(np.float16): 6, np.dtype(np.float32): 7}

DECLARATION = (
    "  llvm.func @mgpuTensorMapEncodeTiled(!llvm.ptr, i32, i32, !llvm.ptr, !llvm.ptr, "
    "!llvm.ptr, !llvm.ptr, !llvm.ptr, i32, i32, i32, i32)"
)


def _array(name, values, type):
    text = f"    %{name} = llvm.alloca %one x !llvm.array<{len(values)} x {type}> : (i32) -> !llvm.ptr\n"
    for i, value in enumerate(values):
        text += f"    %{name}_v{i} = llvm.mlir.constant({value} : {type}) : {type}\n"
        text += f"    %{name}_p{i} = llvm.getelementptr %{name}[{i}] : (!llvm.ptr) -> !llvm.ptr, {type}\n"
        text += f"    llvm.store %{name}_v{i}, %{name}_p{i} : {type}, !llvm.ptr\n"
    return text


def encode(tensor, tensor_type, box, swizzle=0, fill=0, data_type=None):
    """Host code that encodes a map of the argument %tensor, which has the shape
    and strides of an array, into the argument %map; `box` counts dimensions from
    the outermost."""
    sizes, strides = list(tensor.shape), list(tensor.strides)
    rank = len(sizes)
    text = "    %one = llvm.mlir.constant(1 : i32) : i32\n"
    text += _array("sizes", sizes[::-1], "i64")
    text += _array("strides", strides[::-1][1:] or [0], "i64")
    text += _array("box", box[::-1], "i32")
    text += _array("steps", [1] * rank, "i32")
    for name, type in (("map", "memref<32xf32>"), ("tensor", tensor_type)):
        text += f"""\
    %{name}Index = memref.extract_aligned_pointer_as_index %{name} : {type} -> index
    %{name}Int = arith.index_cast %{name}Index : index to i64
    %{name}Ptr = llvm.inttoptr %{name}Int : i64 to !llvm.ptr
"""
    constants = {
        "dataType": data_type or DATA_TYPES[tensor.dtype], "rank": rank, "zero": 0,
        "swizzle": swizzle, "fill": fill}  # fmt: skip
    for name, value in constants.items():
        text += f"    %{name} = llvm.mlir.constant({value} : i32) : i32\n"
    return text + (
        "    llvm.call @mgpuTensorMapEncodeTiled(%mapPtr, %dataType, %rank, %tensorPtr, %sizes, "
        "%strides, %box, %steps, %zero, %swizzle, %zero, %fill) "
        ": (!llvm.ptr, i32, i32, "
        "!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i32, i32, i32, i32) -> ()\n"
    )


MAP = """\
      %mapIndex = memref.extract_aligned_pointer_as_index %map : memref<32xf32> -> index
      %mapInt = arith.index_cast %mapIndex : index to i64
      %mapPtr = llvm.inttoptr %mapInt : i64 to !llvm.ptr
"""

LOAD = Template("""\
$map$coordinates
      scf.if %isFirst {
        %count = arith.constant 1 : i32
        nvvm.mbarrier.init %mbarrierPtr, %count : !llvm.ptr<3>, i32
        nvvm.fence.mbarrier.init
        nvvm.prefetch tensormap, %mapPtr : !llvm.ptr
      }
      nvvm.barrier0
      scf.if %isFirst {
        %bytes = arith.constant $bytes : i32
        nvvm.mbarrier.arrive.expect_tx %mbarrierPtr, %bytes : !llvm.ptr<3>, i32
        %target = llvm.addrspacecast %sharedPtr : !llvm.ptr<3> to !llvm.ptr<7>
        nvvm.cp.async.bulk.tensor.shared.cluster.global %target, %mapPtr, %mbarrierPtr, box[$box] : !llvm.ptr<7>, !llvm.ptr
      }
      %parity = arith.constant 0 : i32
      %ticks = arith.constant 1000000 : i32
      nvvm.mbarrier.try_wait.parity %mbarrierPtr, %parity, %ticks : !llvm.ptr<3>, i32, i32
$copy
""")

STORE = Template("""\
$copy
$map$coordinates
      nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
      nvvm.barrier0
      scf.if %isFirst {
        nvvm.cp.async.bulk.tensor.global.shared.cta %mapPtr, %sharedPtr, box[$box] : !llvm.ptr, !llvm.ptr<3>
        nvvm.cp.async.bulk.commit.group
        nvvm.cp.async.bulk.wait_group 0
      }
""")


def _coordinates(origin):
    text = ""
    for i, value in enumerate(origin[::-1]):
        text += f"      %k{i} = arith.constant {value} : i32\n"
    return text, ", ".join(f"%k{i}" for i in range(len(origin)))


def swizzle_image(box, swizzle):
    """The bytes of a box as they lie in shared memory, as words: chunks of 16
    bytes change places within lines of 128."""
    chunks = np.frombuffer(box.tobytes(), dtype=np.float32).reshape(-1, 4)
    image = np.empty_like(chunks)
    position = np.arange(len(chunks))
    image[position ^ (position >> 3 & (1 << swizzle) - 1)] = chunks
    return image.reshape(-1)


def _cut(tensor, origin, box, fill):
    """The box at `origin`, filled where the tensor has nothing."""
    result = np.full(box, fill, dtype=tensor.dtype)
    source, target = [], []
    for start, count, size in zip(origin, box, tensor.shape):
        first, end = max(start, 0), min(start + count, size)
        if first >= end:
            return result
        source.append(slice(first, end))
        target.append(slice(first - start, end - start))
    result[tuple(target)] = tensor[tuple(source)]
    return result


def _load(name, rng, shape, box, origin, swizzle=0, fill=0, dtype=np.float16):
    tensor = rng.integers(-1000, 1000, shape).astype(dtype)
    image = swizzle_image(_cut(tensor, origin, box, np.nan if fill else 0), swizzle)
    words = image.size
    text, names = _coordinates(origin)
    body = LOAD.substitute(
        map=MAP, coordinates=text, bytes=4 * words, box=names, copy=copy_out(words, "out"))  # fmt: skip
    parameters = [
        ("tensor", memref(tensor)), ("map", "memref<32xf32>"), ("out", f"memref<{words}xf32>")]  # fmt: skip
    program = build(
        parameters, body, words, chip="sm_90a", globals=DECLARATION,
        host=encode(tensor, memref(tensor), box, swizzle, fill))  # fmt: skip
    arguments = [tensor, np.zeros(32, np.float32), np.zeros(words, np.float32)]

    # Any NaN will do for the fill.
    def compare(actual, expected):
        return np.array_equal(actual.view(dtype), expected.view(dtype), equal_nan=True)

    return Test(name, program, arguments, [image], "sm_90a", compare)


def _store(name, rng, shape, box, origin, swizzle=0, dtype=np.float16):
    tile = rng.integers(-1000, 1000, box).astype(dtype)
    image = swizzle_image(tile, swizzle)
    expected = np.zeros(shape, dtype)
    source, target = [], []
    for start, count, size in zip(origin, box, shape):
        first, end = max(start, 0), max(min(start + count, size), max(start, 0))
        source.append(slice(first - start, end - start))
        target.append(slice(first, end))
    expected[tuple(target)] = tile[tuple(source)]
    text, names = _coordinates(origin)
    words = image.size
    body = STORE.substitute(
        map=MAP, coordinates=text, box=names, copy=copy_in(words, words, "image"))  # fmt: skip
    parameters = [
        ("image", f"memref<{words}xf32>"), ("map", "memref<32xf32>"), ("tensor", memref(expected))]  # fmt: skip
    program = build(
        parameters, body, words, chip="sm_90a", globals=DECLARATION,
        host=encode(expected, memref(expected), box, swizzle))  # fmt: skip
    arguments = [image, np.zeros(32, np.float32), np.zeros(shape, dtype)]
    return Test(name, program, arguments, [expected], "sm_90a")


def tests(rng):
    f32 = np.float32
    yield _load("tma-load-1d", rng, (512,), (256,), (64,))
    yield _load("tma-load-2d", rng, (64, 64), (32, 32), (8, 16))
    yield _load("tma-load-3d", rng, (6, 20, 32), (2, 8, 16), (3, 5, 8))
    yield _load("tma-load-4d", rng, (3, 5, 12, 64), (1, 2, 8, 32), (2, 1, 3, 32))
    yield _load("tma-load-5d", rng, (3, 3, 5, 12, 16), (2, 1, 2, 8, 8), (1, 2, 1, 3, 8))
    yield _load("tma-load-f32", rng, (40, 40), (16, 32), (4, 4), dtype=f32)
    for swizzle, width in ((1, 16), (2, 32), (3, 64)):
        name = f"tma-load-swizzle-{2 * width}"
        yield _load(name, rng, (64, 128), (32, width), (16, width), swizzle)
        yield _load(name + "-f32", rng, (64, 64), (24, width // 2), (16, 8), swizzle, dtype=f32)
        yield _load(name + "-3d", rng, (4, 20, 64), (2, 12, width), (1, 4, 0), swizzle)
    # Beyond each end, and past both.
    yield _load("tma-load-before", rng, (40, 64), (16, 64), (-5, -8), swizzle=3)
    yield _load("tma-load-behind", rng, (40, 72), (16, 64), (33, 40), swizzle=3)
    yield _load("tma-load-larger", rng, (5, 24), (16, 64), (-2, -8), swizzle=3)
    yield _load("tma-load-outside", rng, (40, 64), (16, 64), (40, 0), swizzle=3)
    yield _load("tma-load-outer", rng, (3, 40, 64), (2, 8, 64), (2, 36, 0), swizzle=3)
    yield _load("tma-load-nan", rng, (40, 72), (16, 64), (33, 40), swizzle=3, fill=1)
    yield _load("tma-load-nan-f32", rng, (40, 24), (16, 32), (-3, -4), swizzle=3, fill=1, dtype=f32)
    yield _store("tma-store-1d", rng, (512,), (256,), (64,))
    yield _store("tma-store-2d", rng, (64, 64), (32, 32), (8, 16))
    yield _store("tma-store-3d", rng, (6, 20, 32), (2, 8, 16), (3, 5, 8))
    for swizzle, width in ((1, 16), (2, 32), (3, 64)):
        yield _store(f"tma-store-swizzle-{2 * width}", rng, (64, 128), (32, width), (16, width), swizzle)
    yield _store("tma-store-behind", rng, (40, 72), (16, 64), (33, 40), swizzle=3)
