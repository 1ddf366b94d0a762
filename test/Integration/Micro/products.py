# Products of a warpgroup: operands in shared memory by their descriptors, in
# every swizzle and major, or A in registers; all written by ops of the nvvm
# dialect or as inline assembly.

import numpy as np

from program import Test, build, copy_in

ROWS = 64
# The descriptor's number of a swizzle, by the bytes of its lines.
MODES = {16: 0, 128: 1, 64: 2, 32: 3}


def to_bits(values, dtype):
    """Elements as they lie in memory; the values are exact in their type."""
    if dtype == "f16":
        return values.astype(np.float16).view(np.uint16)
    bits = values.astype(np.float32).view(np.uint32)
    return (bits >> 16).astype(np.uint16) if dtype == "bf16" else bits


class Operand:
    """A matrix [outer, depth] in shared memory.

    Lines of `span` bytes (16 without a swizzle) run along the depth if it is
    K-major, along the outer dimension if it is MN-major; eight of them make an
    atom. Chunks of 16 bytes change places by the line of 128 bytes they are in.
    """

    def __init__(self, values, dtype, span, is_mn_major):
        self.span, self.is_mn_major = span, is_mn_major
        outer, depth = values.shape
        bits = to_bits(values, dtype)
        width = bits.itemsize
        along, lines = (outer, depth) if is_mn_major else (depth, outer)
        matrix = bits.T if is_mn_major else bits
        # A line may be longer than what there is along it.
        atoms = -(-along * width // span)
        self.image = np.zeros(lines * atoms * span // width, bits.dtype)
        line, i = np.meshgrid(np.arange(lines), np.arange(along), indexing="ij")
        byte = i * width
        if is_mn_major:
            # Atoms along the depth follow one another.
            self.outer_step = lines * span
            address = byte // span * self.outer_step + line * span + byte % span
            self.step = 2 * 8 * span
            leading, stride = self.outer_step, 8 * span
            if span == 16:
                leading, stride = stride, leading
        else:
            # Atoms along the outer dimension follow one another.
            self.depth_step = lines * span
            address = byte // span * self.depth_step + line * span + byte % span
            leading, stride = self.depth_step, 8 * span
        address ^= (address >> 7 & span // 16 - 1) << 4
        self.image[address // width] = matrix
        self.constant = (leading >> 4) << 16 | (stride >> 4) << 32 | MODES[span] << 62

    def get_offset(self, step):
        """Bytes from the start to the 32 bytes of depth of a step."""
        if self.is_mn_major:
            return step * self.step
        return 32 * step // self.span * self.depth_step + 32 * step % self.span


def _fragment(matrix, columns):
    """Elements of a matrix with 64 rows as [thread, index], as accumulators."""
    thread, index = np.meshgrid(np.arange(128), np.arange(columns // 2), indexing="ij")
    lane = thread % 32
    row = thread // 32 * 16 + lane // 4 + index // 2 % 2 * 8
    return matrix[row, index // 4 * 8 + lane % 4 * 2 + index % 2]


def _a_registers(bits, step):
    """The four registers of each thread that hold A, as words."""
    per = 4 // bits.itemsize
    depth = 8 * per
    part = bits[:, depth * step : depth * (step + 1)]
    thread, index, element = np.meshgrid(np.arange(128), np.arange(4), np.arange(per), indexing="ij")
    lane = thread % 32
    row = thread // 32 * 16 + lane // 4 + index % 2 * 8
    elements = part[row, lane % 4 * per + index // 2 * 4 * per + element]
    return np.ascontiguousarray(elements).view(np.uint32).reshape(128, 4)


def _struct(count):
    return "!llvm.struct<(" + ", ".join(["f32"] * count) + ")>"


def _descriptor(name, offset, constant):
    signed = constant - (1 << 64) if constant >> 63 else constant
    return f"""\
      %{name}o = arith.constant {offset} : i64
      %{name}b = arith.addi %sharedInt, %{name}o : i64
      %{name}f = arith.shrui %{name}b, %four : i64
      %{name}c = arith.constant {signed} : i64
      %{name} = arith.ori %{name}f, %{name}c : i64
"""


class Kernel:
    """Writes the body of a kernel that multiplies step by step."""

    def __init__(self, n, dtype, form, scale=(1, 1)):
        self.n, self.dtype, self.form, self.scale = n, dtype, form, scale
        self.count = n // 2
        self.depth = 8 if dtype == "tf32" else 16
        self.text = ""
        self.current = None

    def load(self, source):
        for i in range(self.count):
            self.text += f"      %i{i} = arith.constant {i} : index\n"
            self.text += f"      %s{i} = memref.load %{source}[%tid, %i{i}] : memref<128x{self.count}xf32>\n"
        self.current = [f"%s{i}" for i in range(self.count)]

    def store(self, target):
        for i, value in enumerate(self.current):
            self.text += f"      memref.store {value}, %{target}[%tid, %i{i}] : memref<128x{self.count}xf32>\n"

    def multiply(self, name, a, b, accumulates, majors):
        (self.use_op if self.form == "op" else self.use_assembly)(name, a, b, accumulates, majors)
        type = _struct(self.count)
        for i in range(self.count):
            self.text += f"      %{name}_{i} = llvm.extractvalue %{name}[{i}] : {type}\n"
        self.current = [f"%{name}_{i}" for i in range(self.count)]

    def use_op(self, name, a, b, accumulates, majors):
        type = _struct(self.count)
        self.text += f"      %{name}_in = llvm.mlir.undef : {type}\n"
        last = f"%{name}_in"
        for i, value in enumerate(self.current):
            self.text += f"      %{name}_in{i} = llvm.insertvalue {value}, {last}[{i}] : {type}\n"
            last = f"%{name}_in{i}"
        signs = ["neg" if sign < 0 else "one" for sign in self.scale]
        layouts = ["col" if majors[0] else "row", "row" if majors[1] else "col"]
        self.text += (
            f"      %{name} = nvvm.wgmma.mma_async {a}, {b}, {last}, "
            f"<m = 64, n = {self.n}, k = {self.depth}>, D [<f32>, <{'one' if accumulates else 'zero'}>], "
            f"A [<{self.dtype}>, <{signs[0]}>, <{layouts[0]}>], "
            f"B [<{self.dtype}>, <{signs[1]}>, <{layouts[1]}>] : {type} -> {type}\n"
        )

    def use_assembly(self, name, a, b, accumulates, majors):
        count = self.count
        registers = isinstance(a, list)
        sources = a if registers else [a]
        first = 2 * count
        operand = [f"${first + i}" for i in range(len(sources))]
        index = first + len(sources)
        flags = list(self.scale)
        if self.dtype != "tf32":
            flags += [majors[1]] if registers else list(majors)
        references = ", ".join(f"${i}" for i in range(count))
        a_text = "{" + ", ".join(operand) + "}" if registers else operand[0]
        # Numbers are operands, or written into the text.
        literal = self.form == "literals"
        flag_text = ", ".join(str(flag) if literal else f"${index + 2 + i}" for i, flag in enumerate(flags))
        scale = int(accumulates) if literal else f"${index + 1}"
        text = (
            f"{{ .reg .pred p; setp.ne.b32 p, {scale}, 0; wgmma.mma_async.sync.aligned."
            f"m64n{self.n}k{self.depth}.f32.{self.dtype}.{self.dtype} {{{references}}}, {a_text}, ${index}, p, {flag_text}; }}"
        )
        constraints = ["=f"] * count + [str(i) for i in range(count)]
        constraints += (["r"] * 4 if registers else ["l"]) + ["l"]
        values = self.current + sources + [b]
        types = ["f32"] * count + (["i32"] * 4 if registers else ["i64"]) + ["i64"]
        if not literal:
            constraints += ["r"] + ["n"] * len(flags)
            values.append(f"%{name}_scale")
            types.append("i32")
        self.text += f"      %{name}_scale = llvm.mlir.constant({int(accumulates)} : i32) : i32\n"
        for i, flag in enumerate(flags):
            self.text += f"      %{name}_flag{i} = llvm.mlir.constant({int(flag)} : i32) : i32\n"
            if not literal:
                values.append(f"%{name}_flag{i}")
                types.append("i32")
        self.text += (
            f'      %{name} = llvm.inline_asm has_side_effects "{text}", "{",".join(constraints)}" '
            f"{', '.join(values)} : ({', '.join(types)}) -> {_struct(count)}\n"
        )


FENCE = """\
      nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
      nvvm.barrier0
      %four = arith.constant 4 : i64
"""
START = "      nvvm.wgmma.fence.aligned\n"
COMMIT = "      nvvm.wgmma.commit.group.sync.aligned\n"
WAIT = "      nvvm.wgmma.wait.group.sync.aligned {}\n"


def _round(values, dtype):
    """The nearest values below that the type has."""
    if dtype == "f16":
        return values.astype(np.float16).astype(np.float32)
    bits = values.astype(np.float32).view(np.uint32)
    return (bits & (0xFFFF0000 if dtype == "bf16" else 0xFFFFE000)).view(np.float32)


def _product(name, rng, n=64, dtype="bf16", spans=(128, 128), majors=(0, 0), form="op", steps=1,
             scale=(1, 1), accumulates=True, in_registers=False, waits="end", exact=True):  # fmt: skip
    depth = (8 if dtype == "tf32" else 16) * steps
    if exact:
        # Sums of these are exact in f32, in whatever order.
        a, b, c = (rng.integers(-8, 9, size).astype(np.float32) for size in ((ROWS, depth), (n, depth), (ROWS, n)))
    else:
        a, b = (_round(rng.standard_normal(size), dtype) for size in ((ROWS, depth), (n, depth)))
        c = rng.standard_normal((ROWS, n)).astype(np.float32)
    b_operand = Operand(b, dtype, spans[1], majors[1])
    parameters, arguments, images = [], [], []
    if in_registers:
        words = np.concatenate([_a_registers(to_bits(a, dtype), step) for step in range(steps)], axis=1)
        parameters.append(("a", f"memref<128x{4 * steps}xf32>"))
        arguments.append(words.view(np.float32))
    else:
        a_operand = Operand(a, dtype, spans[0], majors[0])
        images.append(a_operand.image.view(np.float32))
        # The next matrix begins a line of the largest swizzle.
        images.append(np.zeros(-images[0].size % 256, np.float32))
    b_start = 4 * sum(image.size for image in images)
    images.append(b_operand.image.view(np.float32))
    image = np.concatenate(images)
    parameters += [
        ("image", f"memref<{image.size}xf32>"),
        ("c", f"memref<128x{n // 2}xf32>"), ("d", f"memref<128x{n // 2}xf32>")]  # fmt: skip
    arguments += [image, _fragment(c, n), np.zeros((128, n // 2), np.float32)]

    kernel = Kernel(n, dtype, "assembly" if in_registers and form == "op" else form, scale)
    kernel.text = copy_in(image.size, image.size, "image") + FENCE
    kernel.load("c")
    for step in range(steps):
        if in_registers:
            for i in range(4):
                index = f"a{step}_{i}"
                kernel.text += f"      %{index}i = arith.constant {4 * step + i} : index\n"
                kernel.text += f"      %{index}f = memref.load %a[%tid, %{index}i] : memref<128x{4 * steps}xf32>\n"
                kernel.text += f"      %{index} = arith.bitcast %{index}f : f32 to i32\n"
        else:
            kernel.text += _descriptor(f"a{step}", a_operand.get_offset(step), a_operand.constant)
        kernel.text += _descriptor(f"b{step}", b_start + b_operand.get_offset(step), b_operand.constant)
    for step in range(steps):
        if step == 0 or waits == "each":
            kernel.text += START
        source = [f"%a{step}_{i}" for i in range(4)] if in_registers else f"%a{step}"
        kernel.multiply(f"r{step}", source, f"%b{step}", accumulates or step > 0, majors)
        if waits == "each":
            kernel.text += COMMIT + WAIT.format(0)
        elif waits == "groups":
            kernel.text += COMMIT
    if waits == "groups" and steps > 1:
        kernel.text += WAIT.format(1)
    kernel.text += ("" if waits == "groups" else COMMIT) + WAIT.format(0)
    kernel.store("d")

    sign = scale[0] * scale[1]
    exact_result = (c.astype(np.float64) if accumulates else 0) + sign * (a.astype(np.float64) @ b.astype(np.float64).T)
    expected = _fragment(exact_result, n).astype(np.float32)
    compare = None
    if not exact:
        # The hardware drops bits where it aligns the terms of a sum, but keeps
        # at least those of an f32 as large as the largest of them.
        bound = _fragment(abs(c) + abs(a) @ abs(b).T, n) * 2.0**-22 * steps
        compare = lambda actual, expected: bool(np.all(abs(actual - expected) <= bound))
    program = build(parameters, kernel.text, image.size, chip="sm_90a")
    return Test(name, program, arguments, [expected], "sm_90a", compare)


def tests(rng):
    for span in MODES:
        for a_major in (0, 1):
            for b_major in (0, 1):
                name = f"wgmma-{span}-{'mn' if a_major else 'k'}-{'mn' if b_major else 'k'}"
                yield _product(name, rng, spans=(span, span), majors=(a_major, b_major), steps=2)
    yield _product("wgmma-mixed-swizzles", rng, spans=(64, 32), steps=2)
    for n in (8, 24, 96, 128, 176, 256):
        yield _product(f"wgmma-n{n}", rng, n=n)
    yield _product("wgmma-n256-mn", rng, n=256, majors=(0, 1))
    for dtype in ("f16", "tf32"):
        for span in MODES:
            yield _product(f"wgmma-{dtype}-{span}", rng, dtype=dtype, spans=(span, span), steps=2)
    yield _product("wgmma-steps", rng, n=128, steps=4)
    yield _product("wgmma-steps-mn", rng, n=128, steps=4, majors=(1, 1))
    yield _product("wgmma-steps-waits", rng, steps=4, waits="each")
    yield _product("wgmma-steps-groups", rng, steps=4, waits="groups")
    yield _product("wgmma-no-accumulators", rng, steps=2, accumulates=False)
    yield _product("wgmma-negative-a", rng, scale=(-1, 1))
    yield _product("wgmma-negative-both", rng, scale=(-1, -1))
    yield _product("wgmma-assembly", rng, form="assembly", steps=2, majors=(0, 1))
    yield _product("wgmma-assembly-negative", rng, form="assembly", scale=(1, -1), majors=(1, 0))
    yield _product("wgmma-assembly-tf32", rng, form="assembly", dtype="tf32")
    yield _product("wgmma-literals", rng, form="literals", accumulates=False, steps=2)
    yield _product("wgmma-registers-literals", rng, form="literals", in_registers=True, scale=(-1, 1), steps=2)
    for dtype in ("bf16", "f16", "tf32"):
        yield _product(f"wgmma-registers-{dtype}", rng, dtype=dtype, in_registers=True, steps=2)
    yield _product("wgmma-registers-mn", rng, n=128, in_registers=True, steps=4, majors=(0, 1))
    yield _product("wgmma-registers-no-accumulators", rng, in_registers=True, accumulates=False)
    for dtype in ("bf16", "f16", "tf32"):
        yield _product(f"wgmma-random-{dtype}", rng, n=128, dtype=dtype, steps=4, exact=False)
