# Clusters of blocks: their special registers and barrier, tiles that blocks load
# for each other, and arrivals at each other's mbarriers.

import numpy as np

import pipeline
from program import Test, build, memref
from tensor_copies import DECLARATION, encode

STEPS = 5
SLOTS = 2
ROWS = 16
BLOCKS = 2
ROUND = np.float32(0.5)


def pointer(group, slot):
    """The address of an mbarrier of a group, as %groupPtr."""
    return f"""\
            %{group}Int = nvgpu.mbarrier.get %{group}[{slot}] : !barriers -> i64
            %{group}Ptr = llvm.inttoptr %{group}Int : i64 to !llvm.ptr<3>
"""


def arrive(mbarrier, rank):
    """Arrives at the mbarrier that the block of a rank has at this address."""
    remote = f"%of_{rank[1:]}"
    return f"""\
            {remote} = nvvm.mapa {mbarrier}, {rank} : !llvm.ptr<3> -> !llvm.ptr<7>
            nvvm.mbarrier.arrive {remote} {{scope = #nvvm.mem_scope<cluster>}} : !llvm.ptr<7>
"""


def load(row, target, slot):
    """Copies half of a tile from a row of the tensor to a row of the tiles of all
    blocks of %both, counted by an mbarrier of %full."""
    return f"""\
{pointer("full", slot)}\
            %from32 = arith.index_cast {row} : index to i32
            %to64 = arith.index_cast {target} : index to i64
            %tilePtr = llvm.getelementptr %tilesPtr[%to64] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, !llvm.array<32 x f32>
            %remoteTile = llvm.addrspacecast %tilePtr : !llvm.ptr<3> to !llvm.ptr<7>
            nvvm.cp.async.bulk.tensor.shared.cluster.global %remoteTile, %mapPtr, %fullPtr, box[%rank0, %from32, %rank0] multicast_mask = %both : !llvm.ptr<7>, !llvm.ptr
"""


# Each block loads half of a tile for both blocks; its consumer tells both when it
# has read the tile. Rows have 128 bytes, and are swizzled.
RING = f"""\
module attributes {{gpu.container_module}} {{
{DECLARATION}
  gpu.module @kernels [#nvvm.target<chip = "sm_90a", features = "+ptx80">] {{
    gpu.func @kernel(%map : !llvm.array<16 x i64>, %out : memref<{BLOCKS}x32xf32>)
        workgroup(%tiles : memref<{SLOTS * ROWS}x32xf32, #gpu.address_space<workgroup>>
                    {{llvm.align = 1024 : i64}}) kernel
        attributes {{known_block_size = array<i32: 64, 1, 1>,
                    known_cluster_size = array<i32: {BLOCKS}, 1, 1>}} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      %c32 = arith.constant 32 : index
      %one = arith.constant 1 : i32
      %rank0 = arith.constant 0 : i32
      %slots = arith.constant {SLOTS} : index
      %steps = arith.constant {STEPS} : index
      %rows = arith.constant {ROWS} : index
      %half = arith.constant {ROWS // 2} : index
      %ticks = arith.constant 1000000 : index
      %blocks = arith.constant {BLOCKS} : index
      %bytes = arith.constant {ROWS * 128} : index
      %both = arith.constant {(1 << BLOCKS) - 1} : i16
      // A variable for the map, which the argument itself becomes.
      %mapPtr = llvm.alloca %one x !llvm.array<16 x i64> {{alignment = 64 : i64}} : (i32) -> !llvm.ptr
      llvm.store %map, %mapPtr : !llvm.array<16 x i64>, !llvm.ptr
      %tilesIndex = memref.extract_aligned_pointer_as_index %tiles : memref<{SLOTS * ROWS}x32xf32, #gpu.address_space<workgroup>> -> index
      %tilesInt = arith.index_cast %tilesIndex : index to i64
      %tilesPtr = llvm.inttoptr %tilesInt : i64 to !llvm.ptr<3>
      %tid = gpu.thread_id x
      %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
      %block = arith.index_cast %rank : i32 to index
      %lane = arith.remui %tid, %c32 : index
      %isLeader = arith.cmpi eq, %lane, %c0 : index
      %isProducer = arith.cmpi ult, %tid, %c32 : index
      %full = nvgpu.mbarrier.create -> !barriers
      %empty = nvgpu.mbarrier.create -> !barriers
      %isFirst = arith.cmpi eq, %tid, %c0 : index
      scf.if %isFirst {{
        scf.for %s = %c0 to %slots step %c1 {{
          nvgpu.mbarrier.init %full[%s], %c1 : !barriers
          nvgpu.mbarrier.init %empty[%s], %blocks : !barriers
        }}
        nvvm.fence.mbarrier.init
      }}
      nvvm.cluster.arrive.relaxed {{aligned}}
      nvvm.cluster.wait {{aligned}}
      scf.if %isProducer {{
        scf.if %isLeader {{
          scf.for %t = %c0 to %steps step %c1 {{
            %slot = arith.remui %t, %slots : index
            %round = arith.divui %t, %slots : index
            %bit = arith.index_cast %round : index to i32
            %odd = arith.trunci %bit : i32 to i1
            %true = arith.constant true
            %freed = arith.xori %odd, %true : i1
            nvgpu.mbarrier.try_wait.parity %empty[%slot], %freed, %ticks : !barriers
            nvgpu.mbarrier.arrive.expect_tx %full[%slot], %bytes : !barriers
            %slotRow = arith.muli %slot, %rows : index
            %halfRow = arith.muli %block, %half : index
            %to = arith.addi %slotRow, %halfRow : index
            %firstRow = arith.muli %t, %rows : index
            %from = arith.addi %firstRow, %halfRow : index
{load("%from", "%to", "%slot")}\
          }}
        }}
      }} else {{
        %zero = arith.constant 0.0 : f32
        %decay = arith.constant {ROUND} : f32
        %sum = scf.for %t = %c0 to %steps step %c1 iter_args(%before = %zero) -> (f32) {{
          %slot = arith.remui %t, %slots : index
          %round = arith.divui %t, %slots : index
          %bit = arith.index_cast %round : index to i32
          %odd = arith.trunci %bit : i32 to i1
          nvgpu.mbarrier.try_wait.parity %full[%slot], %odd, %ticks : !barriers
          %slotRow = arith.muli %slot, %rows : index
          %start = arith.mulf %before, %decay : f32
          %next = scf.for %r = %c0 to %rows step %c1 iter_args(%x = %start) -> (f32) {{
            %row = arith.addi %slotRow, %r : index
            %chunk = arith.divui %lane, %c4 : index
            %line = arith.remui %r, %c8 : index
            %moved = arith.xori %chunk, %line : index
            %first = arith.muli %moved, %c4 : index
            %inChunk = arith.remui %lane, %c4 : index
            %column = arith.addi %first, %inChunk : index
            %v = memref.load %tiles[%row, %column] : memref<{SLOTS * ROWS}x32xf32, #gpu.address_space<workgroup>>
            %y = arith.addf %x, %v : f32
            scf.yield %y : f32
          }}
          %warp = arith.constant -1 : i32
          nvvm.bar.warp.sync %warp : i32
          scf.if %isLeader {{
{pointer("empty", "%slot")}\
{arrive("%emptyPtr", "%rank0")}\
{arrive("%emptyPtr", "%one")}\
          }}
          scf.yield %next : f32
        }}
        %number = arith.addi %rank, %one : i32
        %scale = arith.uitofp %number : i32 to f32
        %scaled = arith.mulf %sum, %scale : f32
        memref.store %scaled, %out[%block, %lane] : memref<{BLOCKS}x32xf32>
      }}
      nvvm.cluster.arrive
      nvvm.cluster.wait
      gpu.return
    }}
  }}
  func.func @main(%tensor : memref<1x{STEPS * ROWS}x32xf32>, %map : memref<32xf32>, %out : memref<{BLOCKS}x32xf32>) {{
    %c1 = arith.constant 1 : index
    %blocks = arith.constant {BLOCKS} : index
    %threads = arith.constant 64 : index
    // HOST
    %tensorMap = llvm.load %mapPtr : !llvm.ptr -> !llvm.array<16 x i64>
    gpu.launch_func @kernels::@kernel clusters in (%blocks, %c1, %c1) blocks in (%blocks, %c1, %c1) threads in (%threads, %c1, %c1)
      args(%tensorMap : !llvm.array<16 x i64>, %out : memref<{BLOCKS}x32xf32>)
    return
  }}
}}
"""


def _ring(rng):
    tensor = rng.integers(-8, 9, (1, STEPS * ROWS, 32)).astype(np.float32)
    total = np.zeros(32, np.float32)
    for step in range(STEPS):
        total = total * ROUND + tensor[0, step * ROWS : (step + 1) * ROWS].sum(axis=0, dtype=np.float32)
    expected = np.stack([total * (rank + 1) for rank in range(BLOCKS)]).astype(np.float32)
    barriers = f"!nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = {SLOTS}>"
    host = encode(tensor, memref(tensor), (1, ROWS // 2, 32), swizzle=3)
    program = f"!barriers = {barriers}\n" + RING.replace("    // HOST\n", host)
    arguments = [tensor, np.zeros(32, np.float32), np.zeros_like(expected)]
    return Test("cluster-ring", program, arguments, [expected], "sm_90a")


BARRIER = "nvvm.cluster.arrive {aligned}\n      nvvm.cluster.wait {aligned}"

# What becomes of the program of one block: each computes rows of its own, and
# loads half of the tiles of B for both.
IN_CLUSTER = [
    ("%emptyCount = arith.constant 128", f"%emptyCount = arith.constant {128 * BLOCKS}"),
    ("nvvm.barrier0\n", BARRIER + "\n"),
    ("%four = arith.constant 4 : i64\n", f"""%four = arith.constant 4 : i64
      %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
      %rowsOfBlock = arith.constant {pipeline.ROWS} : i32
      %blockRow = arith.muli %rank, %rowsOfBlock : i32
      %columnsOfBlock = arith.constant {pipeline.N // BLOCKS} : i32
      %blockColumn = arith.muli %rank, %columnsOfBlock : i32
      %bytesOfBlock = arith.constant {pipeline.TILE_BYTES // BLOCKS} : i32
      %blockByte = arith.muli %rank, %bytesOfBlock : i32
      %both = arith.constant {(1 << BLOCKS) - 1} : i16
"""),
    ("%aMapPtr, %full, box[%k, %zero32]", "%aMapPtr, %full, box[%k, %blockRow]"),
    ("%bTarget = llvm.addrspacecast %bTile :", """%bPart = llvm.getelementptr %bTile[%blockByte] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %bTarget = llvm.addrspacecast %bPart :"""),
    ("%bMapPtr, %full, box[%k, %zero32]", "%bMapPtr, %full, box[%k, %blockColumn] multicast_mask = %both"),
    (
        "%released = nvvm.mbarrier.arrive %empty : !llvm.ptr<3> -> i64",
        arrive("%empty", "%zero32") + arrive("%empty", "%one32"),
    ),
    ("box[%zero32, %zero32] :", "box[%zero32, %blockRow] :"),
    ("box[%middle, %zero32] :", "box[%middle, %blockRow] :"),
    ("      gpu.return", "      " + BARRIER + "\n      gpu.return"),
    ("    gpu.launch_func", f"    %blocks = arith.constant {BLOCKS} : index\n    gpu.launch_func"),
    ("blocks in (%c1,", "clusters in (%blocks, %c1, %c1) blocks in (%blocks,"),
]  # fmt: skip


def _pipeline(rng):
    test = pipeline.pipeline(rng, BLOCKS)
    program = test.program
    for old, new in IN_CLUSTER:
        assert old in program, old
        program = program.replace(old, new)
    return Test("cluster-pipeline", program, test.arguments, test.expected, "sm_90a")


# Each block of 8 in clusters of 2 x 1 x 2 notes what its first thread reads.
REGISTERS = [
    "clusterid.x", "clusterid.y", "clusterid.z", "nclusterid.x", "nclusterid.y", "nclusterid.z",
    "cluster.ctaid.x", "cluster.ctaid.y", "cluster.ctaid.z",
    "cluster.nctaid.x", "cluster.nctaid.y", "cluster.nctaid.z",
    "cluster.ctarank", "cluster.nctarank"]  # fmt: skip


def _registers(rng, name, grid, cluster, launch):
    blocks = int(np.prod(grid))
    body = """\
      %bx = gpu.block_id x
      %by = gpu.block_id y
      %bz = gpu.block_id z
      %gx = gpu.grid_dim x
      %gy = gpu.grid_dim y
      %plane = arith.muli %bz, %gy : index
      %line = arith.addi %plane, %by : index
      %lines = arith.muli %line, %gx : index
      %number = arith.addi %lines, %bx : index
      scf.if %isFirst {
"""
    for i, register in enumerate(REGISTERS):
        body += f"""\
        %i{i} = arith.constant {i} : index
        %r{i} = nvvm.read.ptx.sreg.{register} : i32
        %f{i} = arith.uitofp %r{i} : i32 to f32
        memref.store %f{i}, %out[%number, %i{i}] : memref<{blocks}x{len(REGISTERS)}xf32>
"""
    body += "      }\n"
    expected = np.zeros((blocks, len(REGISTERS)), np.float32)
    clusters = [g // c for g, c in zip(grid, cluster)]
    for number in range(blocks):
        id = [number % grid[0], number // grid[0] % grid[1], number // grid[0] // grid[1]]
        inside = [i % c for i, c in zip(id, cluster)]
        rank = inside[0] + cluster[0] * (inside[1] + cluster[1] * inside[2])
        expected[number] = (
            [i // c for i, c in zip(id, cluster)] + clusters + inside + list(cluster) + [rank, int(np.prod(cluster))]
        )
    program = build([("out", memref(expected))], body, 1, 32, "sm_90a")
    sizes = {f"%size{size}": size for size in (*grid, *cluster)}
    constants = "".join(f"    {value} = arith.constant {size} : index\n" for value, size in sizes.items())
    program = program.replace("    gpu.launch_func", constants + "    gpu.launch_func")
    extents = lambda values: "(" + ", ".join(f"%size{size}" for size in values) + ")"  # noqa: E731
    old = "blocks in (%c1, %c1, %c1)"
    assert old in program
    program = program.replace(old, f"{'clusters in ' + extents(cluster) if launch else ''} blocks in {extents(grid)}")
    return Test(name, program, [np.zeros_like(expected)], [expected], "sm_90a")


def tests(rng):
    yield _ring(rng)
    yield _pipeline(rng)
    yield _registers(rng, "cluster-registers", (4, 1, 2), (2, 1, 2), launch=True)
    yield _registers(rng, "cluster-registers-without", (2, 3, 1), (1, 1, 1), launch=False)
