# All of it together: D = A * B^T of bf16 with tiles of A and B in a ring of two
# slots, which one warpgroup fills with tensor copies and another one multiplies,
# ordered by mbarriers; D leaves through shared memory by a tensor copy.

import numpy as np

from products import ROWS, Kernel, _round
from program import Test, build
from tensor_copies import DECLARATION, encode

N = 64
DEPTH = 64
TILES = 5
SLOTS = 2
TILE_BYTES = 2 * DEPTH * ROWS
SLOT_BYTES = 2 * TILE_BYTES
D_BYTES = 4 * ROWS * N

# D takes the place of the first slot. Behind the slots the mbarriers: full of
# each slot, then empty of each slot.
D_OFFSET = 0
MBARRIERS = SLOTS * SLOT_BYTES
BYTES = MBARRIERS + 8 * 2 * SLOTS


def _pointers(names):
    text = ""
    for name in names:
        text += f"""\
      %{name}MapIndex = memref.extract_aligned_pointer_as_index %{name}Map : memref<32xf32> -> index
      %{name}MapInt = arith.index_cast %{name}MapIndex : index to i64
      %{name}MapPtr = llvm.inttoptr %{name}MapInt : i64 to !llvm.ptr
"""
    return text


SETUP = f"""\
      %four = arith.constant 4 : i64
      %zero32 = arith.constant 0 : i32
      %one32 = arith.constant 1 : i32
      %two32 = arith.constant 2 : i32
      %eight32 = arith.constant 8 : i32
      %ticks = arith.constant 1000000 : i32
      %fullCount = arith.constant 1 : i32
      %emptyCount = arith.constant 128 : i32
      %mbarriers = llvm.getelementptr %sharedPtr[{MBARRIERS}] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
      %full0 = llvm.getelementptr %mbarriers[0] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
      %full1 = llvm.getelementptr %mbarriers[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
      %empty0 = llvm.getelementptr %mbarriers[2] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
      %empty1 = llvm.getelementptr %mbarriers[3] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
      scf.if %isFirst {{
        nvvm.mbarrier.init %full0, %fullCount : !llvm.ptr<3>, i32
        nvvm.mbarrier.init %full1, %fullCount : !llvm.ptr<3>, i32
        nvvm.mbarrier.init %empty0, %emptyCount : !llvm.ptr<3>, i32
        nvvm.mbarrier.init %empty1, %emptyCount : !llvm.ptr<3>, i32
        nvvm.fence.mbarrier.init
        nvvm.prefetch tensormap, %aMapPtr : !llvm.ptr
      }}
      nvvm.barrier0
      %tiles = arith.constant {TILES} : index
      %c128 = arith.constant 128 : index
      %group = arith.divui %tid, %c128 : index
      %isProducer = arith.cmpi eq, %group, %c1 : index
      %lane = arith.remui %tid, %c128 : index
      %isLeader = arith.cmpi eq, %lane, %c0 : index
"""

# The slot of tile %t and the parity of its phase.
SLOT = f"""\
        %t32 = arith.index_cast %t : index to i32
        %slot = arith.remui %t32, %two32 : i32
        %round = arith.divui %t32, %two32 : i32
        %parity = arith.andi %round, %one32 : i32
        %full = llvm.getelementptr %mbarriers[%slot] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
        %emptyNumber = arith.addi %slot, %two32 : i32
        %empty = llvm.getelementptr %mbarriers[%emptyNumber] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
        %slotBytes = arith.constant {SLOT_BYTES} : i32
        %slotByte = arith.muli %slot, %slotBytes : i32
"""

PRODUCER = f"""\
        nvvm.setmaxregister decrease 24
        scf.for %t = %c0 to %tiles step %c1 {{
{SLOT}
          scf.if %isLeader {{
            %freed = arith.xori %parity, %one32 : i32
            nvvm.mbarrier.try_wait.parity %empty, %freed, %ticks : !llvm.ptr<3>, i32, i32
            %bytes = arith.constant {SLOT_BYTES} : i32
            nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
            %aTile = llvm.getelementptr %sharedPtr[%slotByte] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
            %bTile = llvm.getelementptr %aTile[{TILE_BYTES}] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
            %aTarget = llvm.addrspacecast %aTile : !llvm.ptr<3> to !llvm.ptr<7>
            %bTarget = llvm.addrspacecast %bTile : !llvm.ptr<3> to !llvm.ptr<7>
            %depth = arith.constant {DEPTH} : i32
            %k = arith.muli %t32, %depth : i32
            nvvm.cp.async.bulk.tensor.shared.cluster.global %aTarget, %aMapPtr, %full, box[%k, %zero32] : !llvm.ptr<7>, !llvm.ptr
            nvvm.cp.async.bulk.tensor.shared.cluster.global %bTarget, %bMapPtr, %full, box[%k, %zero32] : !llvm.ptr<7>, !llvm.ptr
          }}
        }}
"""


def _consumer():
    kernel = Kernel(N, "bf16", "op")
    count = kernel.count
    arguments = ", ".join(f"%x{i} = %zero" for i in range(count))
    types = ", ".join(["f32"] * count)
    kernel.current = [f"%x{i}" for i in range(count)]
    # 16 bytes of leading offset (unused), 1024 of stride offset, 128-byte lines.
    constant = 1 << 16 | 64 << 32 | 1 << 62
    text = f"""\
        nvvm.setmaxregister increase 208
        %zero = arith.constant 0.0 : f32
        %sum:{count} = scf.for %t = %c0 to %tiles step %c1 iter_args({arguments}) -> ({types}) {{
{SLOT}
          nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
          %slotLong = arith.extui %slotByte : i32 to i64
          %tileInt = arith.addi %sharedInt, %slotLong : i64
          %tileField = arith.shrui %tileInt, %four : i64
          %constant = arith.constant {constant} : i64
          %tile = arith.ori %tileField, %constant : i64
          nvvm.wgmma.fence.aligned
"""
    for step in range(DEPTH // 16):
        text += f"""\
          %aOffset{step} = arith.constant {2 * step} : i64
          %a{step} = arith.addi %tile, %aOffset{step} : i64
          %bOffset{step} = arith.constant {2 * step + (TILE_BYTES >> 4)} : i64
          %b{step} = arith.addi %tile, %bOffset{step} : i64
"""
        kernel.text = ""
        kernel.multiply(f"r{step}", f"%a{step}", f"%b{step}", True, (0, 0))
        text += kernel.text
    text += f"""\
          nvvm.wgmma.commit.group.sync.aligned
          nvvm.wgmma.wait.group.sync.aligned 0
          %released = nvvm.mbarrier.arrive %empty : !llvm.ptr<3> -> i64
          scf.yield {', '.join(kernel.current)} : {types}
        }}
        // Other warps may still read the slot.
        %consumers = arith.constant 128 : i32
        nvvm.barrier id = %one32 number_of_threads = %consumers
        // Two halves of 32 columns, as 128-byte lines with their swizzle.
        %c4 = arith.constant 4 : index
        %c8 = arith.constant 8 : index
        %c16 = arith.constant 16 : index
        %c32 = arith.constant 32 : index
        %warp = arith.divui %lane, %c32 : index
        %inWarp = arith.remui %lane, %c32 : index
        %quad = arith.divui %inWarp, %c4 : index
        %inQuad = arith.remui %inWarp, %c4 : index
        %pair = arith.addi %inQuad, %inQuad : index
        %firstRow = arith.muli %warp, %c16 : index
        %row0 = arith.addi %firstRow, %quad : index
        %row1 = arith.addi %row0, %c8 : index
        %dOffset = arith.constant {D_OFFSET // 4} : index
"""
    for row in range(2):
        text += f"""\
        %line{row} = arith.muli %row{row}, %c32 : index
        %lineStart{row} = arith.addi %line{row}, %dOffset : index
        %swizzle{row} = arith.remui %row{row}, %c8 : index
        %chunkSwizzle{row} = arith.muli %swizzle{row}, %c4 : index
"""
    for i in range(count):
        column, half, row = i // 4 * 8 + i % 2, i // 16, i // 2 % 2
        text += f"""\
        %column{i} = arith.constant {column % 32} : index
        %place{i} = arith.addi %column{i}, %pair : index
        %swizzled{i} = arith.xori %place{i}, %chunkSwizzle{row} : index
        %half{i} = arith.constant {half * ROWS * 32} : index
        %inHalf{i} = arith.addi %swizzled{i}, %half{i} : index
        %word{i} = arith.addi %inHalf{i}, %lineStart{row} : index
        memref.store %sum#{i}, %shared[%word{i}] : memref<{BYTES // 4}xf32, #gpu.address_space<workgroup>>
"""
    return text + f"""\
        nvvm.fence.proxy {{kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}}
        nvvm.barrier id = %two32 number_of_threads = %consumers
        scf.if %isLeader {{
          %left = llvm.getelementptr %sharedPtr[{D_OFFSET}] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
          %right = llvm.getelementptr %left[{D_BYTES // 2}] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
          %middle = arith.constant 32 : i32
          nvvm.cp.async.bulk.tensor.global.shared.cta %dMapPtr, %left, box[%zero32, %zero32] : !llvm.ptr, !llvm.ptr<3>
          nvvm.cp.async.bulk.tensor.global.shared.cta %dMapPtr, %right, box[%middle, %zero32] : !llvm.ptr, !llvm.ptr<3>
          nvvm.cp.async.bulk.commit.group
          nvvm.cp.async.bulk.wait_group 0 {{read}}
        }}
"""


def pipeline(rng, blocks=1):
    """With several blocks, A and D have rows for each of them, and a block copies
    its part of the rows of a tile of B, as clusters.py has it."""
    depth = TILES * DEPTH
    rows = blocks * ROWS
    a, b = (rng.integers(-8, 9, (size, depth)).astype(np.float32) for size in (rows, N))
    # mfa-run has no integers, but bf16: numpy has not, but words of two.
    words = [((m.view(np.uint32)[:, ::2] >> 16) | (m.view(np.uint32)[:, 1::2] & 0xFFFF0000)).astype(np.uint32).view(np.float32) for m in (a, b)]
    d = (a.astype(np.float64) @ b.astype(np.float64).T).astype(np.float32)
    types = [f"memref<{rows}x{depth // 2}xf32>", f"memref<{N}x{depth // 2}xf32>", f"memref<{rows}x{N}xf32>"]
    host = ""
    # The tensors of bf16 as the maps see them.
    views = [np.empty((rows, depth), np.float16), np.empty((N, depth), np.float16), d]
    for name, view, type, box in zip("abd", views, types, ((ROWS, DEPTH), (N // blocks, DEPTH), (ROWS, 32))):
        part = encode(view, type, box, swizzle=3, data_type=None if name == "d" else 9)
        for word in ("sizes", "strides", "box", "steps", "one", "dataType", "rank", "zero", "swizzle", "fill"):
            part = part.replace(f"%{word}", f"%{name}_{word}")
        part = part.replace("%map", f"%{name}Map").replace("%tensor", f"%{name}")
        host += part
    body = _pointers("abd") + SETUP
    body += "      scf.if %isProducer {\n" + PRODUCER + "      } else {\n" + _consumer() + "      }\n"
    parameters = [(f"{name}Map", "memref<32xf32>") for name in "abd"]
    parameters += list(zip("abd", types))
    program = build(parameters, body, BYTES // 4, 256, "sm_90a", host, DECLARATION)
    program = program.replace("attributes {known", "attributes {nvvm.maxnreg = 128 : i32, known")
    arguments = [np.zeros(32, np.float32) for _ in "abd"] + words + [np.zeros_like(d)]
    return Test("pipeline", program, arguments, [d], "sm_90a")


def tests(rng):
    yield pipeline(rng)
