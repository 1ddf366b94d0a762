# Operations of a warp: registers, shuffles, votes, reductions, matrices of 8x8
# elements, products; asynchronous copies and barriers.

import numpy as np

from products import to_bits
from program import Test, build, copy_in, copy_out

LANES = np.arange(32)


class Columns:
    """A kernel of one warp that stores words to a row of %out for each lane."""

    def __init__(self, width):
        self.width = width
        self.text = ""
        self.count = 0

    def __call__(self, text):
        self.text += "".join(f"      {line.strip()}\n" for line in text.strip().splitlines())

    def load(self, name, source, width, column):
        self(f"""
            %{name}_i = arith.constant {column} : index
            %{name}_f = memref.load %{source}[%tid, %{name}_i] : memref<32x{width}xf32>
            %{name} = arith.bitcast %{name}_f : f32 to i32""")

    def store(self, value, type="i32"):
        i = self.count
        self.count += 1
        cast = f"arith.bitcast {value} : i32 to f32"
        if type == "i1":
            self(f"%wide{i} = arith.extui {value} : i1 to i32")
            cast = f"arith.bitcast %wide{i} : i32 to f32"
        if type == "f32":
            cast = f"arith.addf {value}, %negativeZero : f32"
        self(f"""
            %column{i} = arith.constant {i} : index
            %word{i} = {cast}
            memref.store %word{i}, %out[%tid, %column{i}] : memref<32x{self.width}xf32>""")


def _words(columns):
    """Columns of one value each, or one for each lane, as words."""
    lanes = [np.broadcast_to(np.asarray(column).astype(np.int64), (32,)) for column in columns]
    return np.stack(lanes, axis=1).astype(np.uint32).view(np.float32)


def _lanes(name, columns, text, chip="sm_80", inputs=()):
    """A test whose kernel stores `columns`; `inputs` are names and arrays."""
    kernel = Columns(len(columns))
    kernel("%lane = nvvm.read.ptx.sreg.laneid : i32\n%all = arith.constant -1 : i32")
    text(kernel)
    expected = _words(columns)
    parameters = [(n, f"memref<{'x'.join(map(str, a.shape))}xf32>") for n, a in inputs]
    parameters.append(("out", f"memref<32x{len(columns)}xf32>"))
    program = build(parameters, kernel.text, 32, threads=32, chip=chip)
    arguments = [a.view(np.float32) for _, a in inputs] + [np.zeros_like(expected)]
    return Test(name, program, arguments, [expected], chip)


def _registers():
    # Not warpid, whose value a GPU may choose.
    names = ["laneid", "tid.x", "tid.y", "ntid.x", "ntid.y", "ctaid.x", "nctaid.x", "warpsize"]
    names += [f"lanemask.{kind}" for kind in ("eq", "le", "lt", "ge", "gt")]
    bit = np.left_shift(1, LANES, dtype=np.int64)
    columns = [LANES, LANES, 0, 32, 1, 0, 1, 32, bit, 2 * bit - 1, bit - 1, 2**32 - bit, 2**32 - 2 * bit]

    def text(kernel):
        for i, name in enumerate(names):
            kernel(f"%r{i} = nvvm.read.ptx.sreg.{name} : i32")
            kernel.store(f"%r{i}")

    return _lanes("special-registers", columns, text)


def _shuffles(rng):
    value = rng.integers(0, 1000, 32)
    # Mode, offset, clamp and segment mask, source lane where it is valid.
    cases = [
        ("bfly", 1, 0x1F, LANES ^ 1, LANES >= 0), ("bfly", 17, 0x1F, LANES ^ 17, LANES >= 0),
        ("up", 3, 0, LANES - 3, LANES >= 3), ("down", 5, 0x1F, LANES + 5, LANES < 27),
        ("idx", 9, 0x1F, 0 * LANES + 9, LANES >= 0), ("idx", 3, 0x181F, LANES // 8 * 8 + 3, LANES >= 0),
        ("up", 2, 0x1000, LANES - 2, LANES % 16 >= 2), ("down", 2, 0x100F, LANES + 2, LANES % 16 < 14)]  # fmt: skip
    columns = []
    for mode, offset, clamp, source, valid in cases:
        columns += [value[np.where(valid, source, LANES)], valid]

    def text(kernel):
        kernel.load("value", "in", 1, 0)
        for i, (mode, offset, clamp, _, _) in enumerate(cases):
            kernel(f"""
                %offset{i} = arith.constant {offset} : i32
                %clamp{i} = arith.constant {clamp} : i32
                %pair{i} = nvvm.shfl.sync {mode} %all, %value, %offset{i}, %clamp{i} {{return_value_and_is_valid}} : i32 -> !llvm.struct<(i32, i1)>
                %got{i} = llvm.extractvalue %pair{i}[0] : !llvm.struct<(i32, i1)>
                %valid{i} = llvm.extractvalue %pair{i}[1] : !llvm.struct<(i32, i1)>""")
            kernel.store(f"%got{i}")
            kernel.store(f"%valid{i}", "i1")

    return _lanes("shfl", columns, text, inputs=[("in", value.astype(np.uint32)[:, None])])


def _votes(rng):
    predicates = rng.integers(0, 2, (32, 2)).astype(np.uint32)
    predicates[:, 1] = 1
    columns = []
    for p in predicates.T:
        columns += [int((p.astype(np.int64) << LANES).sum()), p.any(), p.all(), p.all() or not p.any()]

    def text(kernel):
        kernel("%zero = arith.constant 0 : i32")
        for c in range(2):
            kernel.load(f"w{c}", "in", 2, c)
            kernel(f"%p{c} = arith.cmpi ne, %w{c}, %zero : i32")
            for kind, type in (("ballot", "i32"), ("any", "i1"), ("all", "i1"), ("uni", "i1")):
                kernel(f"%{kind}{c} = nvvm.vote.sync {kind} %all, %p{c} -> {type}")
                kernel.store(f"%{kind}{c}", type)

    return _lanes("vote", columns, text, inputs=[("in", predicates)])


def _reductions(rng):
    value = rng.integers(-1000, 1000, 32).astype(np.int32)
    bits = value.view(np.uint32)
    results = [
        ("add", value.sum()), ("max", value.max()), ("min", value.min()), ("umax", bits.max()),
        ("umin", bits.min()), ("and", np.bitwise_and.reduce(bits)), ("or", np.bitwise_or.reduce(bits)),
        ("xor", np.bitwise_xor.reduce(bits))]  # fmt: skip

    def text(kernel):
        kernel.load("value", "in", 1, 0)
        for kind, _ in results:
            kernel(f"%{kind}r = nvvm.redux.sync {kind} %value, %all : i32 -> i32")
            kernel.store(f"%{kind}r")
        # Half a warp on its own.
        kernel("""
            %low = arith.constant 0xffff : i32
            %c16 = arith.constant 16 : i32
            %isLow = arith.cmpi ult, %lane, %c16 : i32
            %half = scf.if %isLow -> i32 {
              %sum = nvvm.redux.sync add %value, %low : i32 -> i32
              scf.yield %sum : i32
            } else {
              scf.yield %lane : i32
            }""")
        kernel.store("%half")

    columns = [int(result) for _, result in results] + [np.where(LANES < 16, value[:16].sum(), LANES)]
    return _lanes("redux", columns, text, inputs=[("in", bits[:, None])])


def _elect():
    def text(kernel):
        kernel("%leader = nvvm.elect.sync -> i1")
        kernel.store("%leader", "i1")

    return _lanes("elect", [LANES == 0], text, chip="sm_90a")


def _matrices(rng, count, transposed, stores):
    """ldmatrix or stmatrix of 1, 2 or 4 matrices."""
    matrices = rng.integers(0, 1 << 16, (count, 8, 8)).astype(np.uint16)
    image = matrices.reshape(-1).view(np.float32)
    layout = matrices.transpose(0, 2, 1) if transposed else matrices
    # Register i of lane l: row l / 4, columns 2 * (l % 4) and the next one.
    pairs = np.ascontiguousarray(layout).reshape(count, 32, 2).view(np.uint32)[..., 0].T
    registers = np.ascontiguousarray(pairs).view(np.float32)
    kernel = Columns(count)
    attributes = (
        f"{{layout = #nvvm.mma_layout<{'col' if transposed else 'row'}>, "
        "shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>"
    )
    kernel(f"""
        %lane = nvvm.read.ptx.sreg.laneid : i32
        %mask = arith.constant {8 * count - 1} : i32
        %row = arith.andi %lane, %mask : i32
        %sixteen = arith.constant 16 : i32
        %byte = arith.muli %row, %sixteen : i32
        %address = llvm.getelementptr %sharedPtr[%byte] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8""")
    name = f"{'stmatrix' if stores else 'ldmatrix'}-x{count}{'-trans' if transposed else ''}"
    shape = f"memref<32x{count}xf32>"
    if stores:
        for i in range(count):
            kernel.load(f"r{i}", "in", count, i)
        sources = ", ".join(f"%r{i}" for i in range(count))
        types = ", ".join(["i32"] * count)
        kernel(f"nvvm.stmatrix %address, {sources} {attributes}}} : !llvm.ptr<3>, {types}\nnvvm.barrier0")
        kernel.text += copy_out(32 * count, "out")
        program = build([("in", shape), ("out", f"memref<{32 * count}xf32>")], kernel.text, 32 * count, 32, "sm_90a")
        return Test(name, program, [registers, np.zeros_like(image)], [image], "sm_90a")
    struct = f"!llvm.struct<({', '.join(['i32'] * count)})>" if count > 1 else "i32"
    kernel(f"%loaded = nvvm.ldmatrix %address {attributes}, num = {count} : i32}} : (!llvm.ptr<3>) -> {struct}")
    for i in range(count):
        if count > 1:
            kernel(f"%r{i} = llvm.extractvalue %loaded[{i}] : {struct}")
        kernel.store(f"%r{i}" if count > 1 else "%loaded")
    text = copy_in(32 * count, 32 * count, "in") + "      nvvm.barrier0\n" + kernel.text
    program = build([("in", f"memref<{32 * count}xf32>"), ("out", shape)], text, 32 * count, 32)
    return Test(name, program, [image, np.zeros_like(registers)], [registers])


def _mma(rng, dtype, depth, exact=True):
    """mma.sync of one warp, operands in registers."""
    if exact:
        a, b, c = (rng.integers(-8, 9, size).astype(np.float32) for size in ((16, depth), (depth, 8), (16, 8)))
    else:
        a, b, c = (rng.standard_normal(size).astype(np.float32) for size in ((16, depth), (depth, 8), (16, 8)))
        bits = {"f16": None, "bf16": 0xFFFF0000, "tf32": 0xFFFFE000}[dtype]
        a, b = ((m.astype(np.float16).astype(np.float32) if bits is None else
                 (m.view(np.uint32) & bits).view(np.float32)) for m in (a, b))  # fmt: skip
    per = 1 if dtype == "tf32" else 2
    halves = depth // (4 * per)
    group, pair = LANES // 4, LANES % 4

    def registers(get, count):
        words = []
        for r in range(count):
            elements = np.stack([get(r, e) for e in range(per)], axis=1)
            words.append(np.ascontiguousarray(to_bits(elements, dtype)).view(np.uint32).reshape(32))
        return np.stack(words, axis=1).view(np.float32)

    a_words = registers(lambda r, e: a[group + 8 * (r % 2), per * pair + e + 4 * per * (r // 2)], 2 * halves)
    b_words = registers(lambda r, e: b[per * pair + e + 4 * per * r, group], halves)
    fragment = lambda m: np.stack([m[group + 8 * (i // 2), 2 * pair + i % 2] for i in range(4)], axis=1)
    exact_result = a.astype(np.float64) @ b.astype(np.float64) + c
    expected = fragment(exact_result).astype(np.float32)

    kernel = Columns(4)
    kernel("%negativeZero = arith.constant -0.0 : f32")
    # bf16 and tf32 come as words, f16 as pairs.
    type = "vector<2xf16>" if dtype == "f16" else "i32"
    names = []
    for source, count in (("a", 2 * halves), ("b", halves)):
        for r in range(count):
            kernel.load(f"{source}{r}", source, count, r)
            if dtype == "f16":
                kernel(f"%{source}h{r} = llvm.bitcast %{source}{r} : i32 to vector<2xf16>")
        names.append(", ".join(f"%{source}{'h' if dtype == 'f16' else ''}{r}" for r in range(count)))
    for i in range(4):
        kernel(f"%ci{i} = arith.constant {i} : index\n%c{i}f = memref.load %c[%tid, %ci{i}] : memref<32x4xf32>")
    kinds = f"multiplicandAPtxType = #nvvm.mma_type<{dtype}>, multiplicandBPtxType = #nvvm.mma_type<{dtype}>, "
    kernel(
        f"%d = nvvm.mma.sync A[{names[0]}] B[{names[1]}] C[%c0f, %c1f, %c2f, %c3f] "
        f"{{layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, {kinds if dtype != 'f16' else ''}"
        f"shape = #nvvm.shape<m = 16, n = 8, k = {depth}>}} : ({type}, {type}, f32) -> !llvm.struct<(f32, f32, f32, f32)>"
    )
    for i in range(4):
        kernel(f"%d{i} = llvm.extractvalue %d[{i}] : !llvm.struct<(f32, f32, f32, f32)>")
        kernel.store(f"%d{i}", "f32")
    parameters = [
        ("a", f"memref<32x{2 * halves}xf32>"), ("b", f"memref<32x{halves}xf32>"),
        ("c", "memref<32x4xf32>"), ("out", "memref<32x4xf32>")]  # fmt: skip
    compare = None
    if not exact:
        bound = fragment(abs(c) + abs(a) @ abs(b)) * 2.0**-22
        compare = lambda actual, expected: bool(np.all(abs(actual - expected) <= bound))
    name = f"mma-{dtype}-k{depth}{'' if exact else '-random'}"
    program = build(parameters, kernel.text, 32, threads=32)
    return Test(name, program, [a_words, b_words, fragment(c), np.zeros_like(expected)], [expected], compare=compare)


def _copy_async(rng, bytes):
    """cp.async of every thread, every other one with zeros behind its first
    half, and waited for group by group."""
    words = bytes // 4
    source = rng.standard_normal(128 * words).astype(np.float32)
    expected = source.reshape(128, words).copy()
    half = bytes // 2
    raw = expected.view(np.uint8)
    raw[1::2, half:] = 0
    text = f"""\
      %size = arith.constant {bytes} : i32
      %half = arith.constant {half} : i32
      %one = arith.constant 1 : i32
      %thread = arith.index_cast %tid : index to i32
      %odd = arith.andi %thread, %one : i32
      %isOdd = arith.cmpi eq, %odd, %one : i32
      %sourceSize = arith.select %isOdd, %half, %size : i32
      %byte = arith.muli %thread, %size : i32
      %address = llvm.getelementptr %sharedPtr[%byte] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      %inIndex = memref.extract_aligned_pointer_as_index %in : memref<{128 * words}xf32> -> index
      %inInt = arith.index_cast %inIndex : index to i64
      %inGeneric = llvm.inttoptr %inInt : i64 to !llvm.ptr<1>
      %from = llvm.getelementptr %inGeneric[%byte] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      nvvm.cp.async.shared.global %address, %from, {bytes}, cache = {'cg' if bytes == 16 else 'ca'}, %sourceSize : !llvm.ptr<3>, !llvm.ptr<1>, i32
      nvvm.cp.async.commit.group
      nvvm.cp.async.wait.group 0
      nvvm.barrier0
"""
    text += copy_out(128 * words, "out")
    shape = f"memref<{128 * words}xf32>"
    program = build([("in", shape), ("out", shape)], text, 128 * words)
    return Test(f"cp-async-{bytes}", program, [source, np.zeros_like(source)], [expected.reshape(-1)])


def _pipeline(rng):
    """One warp fills a slot, another one empties it, eight times, ordered by two
    mbarriers: the second is behind the first in shared memory."""
    source = rng.standard_normal(8 * 32).astype(np.float32)
    text = """\
      %mb0 = llvm.getelementptr %sharedPtr[64] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
      %c32 = arith.constant 32 : index
      %c8 = arith.constant 8 : index
      %n32 = arith.constant 32 : i32
      %ticks = arith.constant 1000000 : i32
      %one = arith.constant 1 : i32
      scf.if %isFirst {
        nvvm.mbarrier.init %mbarrierPtr, %n32 : !llvm.ptr<3>, i32
        nvvm.mbarrier.init %mb0, %n32 : !llvm.ptr<3>, i32
      }
      nvvm.barrier0
      %lane = arith.remui %tid, %c32 : index
      %isProducer = arith.cmpi ult, %tid, %c32 : index
      scf.for %i = %c0 to %c8 step %c1 {
        %row = arith.muli %i, %c32 : index
        %at = arith.addi %row, %lane : index
        %number = arith.index_cast %i : index to i32
        %parity = arith.andi %number, %one : i32
        %other = arith.xori %parity, %one : i32
        scf.if %isProducer {
          nvvm.mbarrier.try_wait.parity %mb0, %other, %ticks : !llvm.ptr<3>, i32, i32
          %v = memref.load %in[%at] : memref<256xf32>
          memref.store %v, %shared[%lane] : memref<96xf32, #gpu.address_space<workgroup>>
          %s = nvvm.mbarrier.arrive %mbarrierPtr : !llvm.ptr<3> -> i64
        } else {
          nvvm.mbarrier.try_wait.parity %mbarrierPtr, %parity, %ticks : !llvm.ptr<3>, i32, i32
          %v = memref.load %shared[%lane] : memref<96xf32, #gpu.address_space<workgroup>>
          memref.store %v, %out[%at] : memref<256xf32>
          %s = nvvm.mbarrier.arrive %mb0 : !llvm.ptr<3> -> i64
        }
      }
"""
    program = build([("in", "memref<256xf32>"), ("out", "memref<256xf32>")], text, 96, 64, "sm_90a")
    return Test("mbarrier-pipeline", program, [source, np.zeros_like(source)], [source], "sm_90a")


def _named_barriers(rng):
    """Two warps take turns through named barriers, each one arriving at that of
    the other."""
    source = rng.standard_normal(32).astype(np.float32)
    text = """\
      %c32 = arith.constant 32 : index
      %lane = arith.remui %tid, %c32 : index
      %isProducer = arith.cmpi ult, %tid, %c32 : index
      %ready = arith.constant 1 : i32
      %done = arith.constant 2 : i32
      %both = arith.constant 64 : i32
      %two = arith.constant 2.0 : f32
      %last = arith.constant 31 : index
      %mirror = arith.subi %last, %lane : index
      scf.if %isProducer {
        %v = memref.load %in[%lane] : memref<32xf32>
        memref.store %v, %shared[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
        nvvm.barrier.arrive id = %ready number_of_threads = %both
        nvvm.barrier id = %done number_of_threads = %both
        %w = memref.load %shared[%mirror] : memref<32xf32, #gpu.address_space<workgroup>>
        memref.store %w, %out[%lane] : memref<32xf32>
      } else {
        nvvm.barrier id = %ready number_of_threads = %both
        %v = memref.load %shared[%mirror] : memref<32xf32, #gpu.address_space<workgroup>>
        %w = arith.mulf %v, %two : f32
        nvvm.bar.warp.sync %all : i32
        memref.store %w, %shared[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
        nvvm.barrier.arrive id = %done number_of_threads = %both
      }
"""
    text = "      %all = arith.constant -1 : i32\n" + text
    program = build([("in", "memref<32xf32>"), ("out", "memref<32xf32>")], text, 32, 64)
    return Test("named-barriers", program, [source, np.zeros_like(source)], [2 * source])


def _set_registers():
    """Warpgroups give and take registers; what they compute does not change."""
    text = """\
      %c128 = arith.constant 128 : index
      %isProducer = arith.cmpi ult, %tid, %c128 : index
      %v = memref.load %in[%tid] : memref<384xf32>
      %w = scf.if %isProducer -> f32 {
        nvvm.setmaxregister decrease 24
        %n = arith.negf %v : f32
        scf.yield %n : f32
      } else {
        nvvm.setmaxregister increase 240
        %s = arith.addf %v, %v : f32
        scf.yield %s : f32
      }
      memref.store %w, %out[%tid] : memref<384xf32>
"""
    source = np.arange(384, dtype=np.float32)
    expected = np.where(np.arange(384) < 128, -source, 2 * source)
    program = build([("in", "memref<384xf32>"), ("out", "memref<384xf32>")], text, 32, 384, "sm_90a")
    program = program.replace("attributes {known", "attributes {nvvm.minctasm = 1 : i32, known")
    return Test("setmaxnreg", program, [source, np.zeros_like(source)], [expected], "sm_90a")


def tests(rng):
    yield _registers()
    yield _shuffles(rng)
    yield _votes(rng)
    yield _reductions(rng)
    yield _elect()
    for stores in (False, True):
        for count in (1, 2, 4):
            for transposed in (False, True):
                yield _matrices(rng, count, transposed, stores)
    for dtype, depths in (("f16", (8, 16)), ("bf16", (8, 16)), ("tf32", (4, 8))):
        for depth in depths:
            yield _mma(rng, dtype, depth)
        yield _mma(rng, dtype, depths[1], exact=False)
    for bytes in (4, 8, 16):
        yield _copy_async(rng, bytes)
    yield _pipeline(rng)
    yield _named_barriers(rng)
    yield _set_registers()
