#!/usr/bin/env python3
"""Puts one defect at a time into correct programs of the micro-tests and checks
what the simulator reports.

    defects.py --mfa-run build/bin/mfa-run [FILTER...]

A filter is a substring of a defect's name. Prints a line for each defect and a
summary; the exit status is 1 if one was reported as something else, or not at
all, or if a correct program was reported.
"""

import argparse
import concurrent.futures
import os
import re
import sys
import tempfile


import compare
from clusters import arrive, load, pointer

WAIT_FULL = "nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32"
WAIT_EMPTY = "nvvm.mbarrier.try_wait.parity %empty, %freed, %ticks : !llvm.ptr<3>, i32, i32"
RELEASE = "%released = nvvm.mbarrier.arrive %empty : !llvm.ptr<3> -> i64"
COMMIT = "nvvm.wgmma.commit.group.sync.aligned"
WAIT = "nvvm.wgmma.wait.group.sync.aligned 0"
PROXY_FENCE = "nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}"
PLACE = r"kernel kernel, block \(0, 0, 0\)"
THREAD = PLACE + r", thread \(\d+, 0, 0\)"
LOAD = r"nvvm.cp.async.bulk.tensor.shared.cluster.global at .*:\d+:\d+"
STORE = r"nvvm.cp.async.bulk.tensor.global.shared.cta at .*:\d+:\d+"
PRODUCT = r"nvvm.wgmma.mma_async at .*:\d+:\d+"

# Programs of two blocks in a cluster.
START = "nvvm.cluster.arrive.relaxed {aligned}\n      nvvm.cluster.wait {aligned}"
END = "nvvm.cluster.arrive\n      nvvm.cluster.wait"
CLUSTER = "clusters in (%blocks, %c1, %c1)"
KNOWN = ",\n                    known_cluster_size = array<i32: 2, 1, 1>"
GRID = "blocks in (%blocks, %c1, %c1)"
FIRST_ARRIVAL = arrive("%emptyPtr", "%rank0")
SECOND_ARRIVAL = arrive("%emptyPtr", "%one")
WAIT_TILE = "nvgpu.mbarrier.try_wait.parity %full[%slot], %odd, %ticks : !barriers"
REMOTE = r"nvvm.mbarrier.arrive at .*:\d+:\d+"
SECOND_BLOCK = r"kernel kernel, block \(1, 0, 0\), thread \(\d+, 0, 0\)"

# Name, program, replacements in it, and what is reported: text of lines that
# follow one another.
DEFECTS = [
    ("no-wait-for-copy", "pipeline", [(WAIT_FULL, "")],
     [r"access to bytes in flight: read of 16 bytes at shared memory offset \d+, which a copy may still be filling",
      "started the copy: " + LOAD, THREAD, PRODUCT]),
    ("no-wait-for-copy-of-one-warp", "pipeline",
     [(WAIT_FULL, f"""%oneWarp = arith.constant 96 : index
          %waits = arith.cmpi ult, %lane, %oneWarp : index
          scf.if %waits {{
            {WAIT_FULL}
          }}""")],
     ["access to bytes in flight: read of 16 bytes", "the async proxy wrote: " + LOAD,
      PLACE + r", thread \(96, 0, 0\)", PRODUCT]),
    ("swapped-phase-of-copy", "pipeline", [(WAIT_FULL, WAIT_FULL.replace("%parity", "%swapped")), ("%slotLong =", "%unused ="),
      ("%slotByte = arith.muli %slot, %slotBytes : i32", """%slotByte = arith.muli %slot, %slotBytes : i32
          %swapped = arith.xori %parity, %one32 : i32
          %slotLong = arith.extui %slotByte : i32 to i64""")],
     ["access to bytes in flight|uninitialized shared memory", ".*", ".*"]),
    ("swapped-phase-of-release", "pipeline", [(WAIT_EMPTY, WAIT_EMPTY.replace("%freed", "%parity"))],
     ["deadlock: no thread of the block can go on",
      r"mbarrier at shared memory offset \d+: phase 0 lacks 1 of 1 arrivals", "lanes 0 to 31 of warp 0 wait at nvvm.mbarrier.try_wait.parity at"]),
    ("no-wait-for-release", "pipeline", [(WAIT_EMPTY, "")],
     [r"phase overrun: 1 arrivals at the mbarrier|access to bytes in flight", ".*"]),
    ("release-before-wait", "pipeline", [(WAIT, "%nothing = arith.constant 0 : i32"), (RELEASE, RELEASE + "\n          " + WAIT)],
     ["access to bytes in flight: write to 8192 bytes at shared memory offset 0, which may still be read",
      "the async proxy read: " + PRODUCT, PLACE + r", thread \(128, 0, 0\)", LOAD]),
    ("release-by-one-thread", "pipeline",
     [("%emptyCount = arith.constant 128", "%emptyCount = arith.constant 1"), (RELEASE, f"""scf.if %isLeader {{
            {RELEASE}
          }}""")],
     ["access to bytes in flight: write to 8192 bytes at shared memory offset 0, which may still be read",
      "the async proxy read: " + PRODUCT, THREAD, LOAD]),
    ("too-few-arrivals-expected", "pipeline", [("%emptyCount = arith.constant 128", "%emptyCount = arith.constant 64")],
     ["deadlock: no thread of the block can go on"]),
    ("too-many-bytes-expected", "pipeline", [("%bytes = arith.constant 16384", "%bytes = arith.constant 16400")],
     ["deadlock: no thread of the block can go on", r"mbarrier at shared memory offset \d+: phase 0 lacks 0 of 1 arrivals and 16 bytes"]),
    ("too-few-bytes-expected", "pipeline", [("%bytes = arith.constant 16384", "%bytes = arith.constant 8192")],
     ["deadlock: no thread of the block can go on",
      r"mbarrier at shared memory offset \d+: phase 0 lacks 0 of 1 arrivals, and got 8192 bytes too many"]),
    ("no-fence-of-mbarriers", "pipeline", [("nvvm.fence.mbarrier.init", "")],
     ["missing fence: use of an mbarrier by the async proxy, with no fence behind its initialization",
      r"thread \(0, 0, 0\) initialized it: nvvm.mbarrier.init at", PLACE + r", thread \(128, 0, 0\)", LOAD]),
    ("no-barrier-behind-mbarriers", "pipeline", [("nvvm.barrier0", "")], ["data race|invalid operand", ".*"]),
    ("no-wait-for-product", "pipeline", [(WAIT, "%nothing = arith.constant 0 : i32"), (RELEASE, "")],
     ["deadlock|access to bytes in flight", ".*"]),
    ("wait-for-too-few-products", "wgmma-steps-groups", [(WAIT, WAIT[:-1] + "1")],
     ["access to bytes in flight: use of an accumulator that a product may still be writing", "started by: " + PRODUCT, THREAD]),
    ("no-commit", "wgmma-n24", [(COMMIT, "")],
     ["access to bytes in flight: use of an accumulator that a product may still be writing", "started by: " + PRODUCT, THREAD]),
    ("use-before-wait", "wgmma-registers-bf16", [(WAIT, "")],
     ["access to bytes in flight: use of an accumulator that a product may still be writing", "started by: llvm.inline_asm at", THREAD]),
    ("no-fence-of-accumulators", "wgmma-n24", [("nvvm.wgmma.fence.aligned", "")],
     ["missing fence: the accumulators are in registers that other instructions wrote, with no wgmma.fence", THREAD, PRODUCT]),
    ("no-fence-of-a", "wgmma-registers-no-accumulators", [("nvvm.wgmma.fence.aligned", "")], ["missing fence: ", THREAD, "llvm.inline_asm at"]),
    ("no-proxy-fence-before-product", "wgmma-n24", [(PROXY_FENCE, "")],
     ["missing fence: read of 16 bytes at shared memory offset 0 by the async proxy, with no proxy fence behind a write of the generic proxy",
      r"thread \(0, 0, 0\) wrote: ", THREAD, PRODUCT]),
    ("proxy-fence-behind-barrier", "wgmma-n24", [(PROXY_FENCE, ""), ("nvvm.barrier0", "nvvm.barrier0\n      %c32 = arith.constant 32 : index\n      %isWarp = arith.cmpi ult, %tid, %c32 : index\n      scf.if %isWarp {\n      " + PROXY_FENCE + "\n      }")],
     ["missing fence: read of 16 bytes", ".*", PLACE + r", thread \((32|64|96), 0, 0\)", PRODUCT]),
    ("no-barrier-before-product", "wgmma-n24", [("nvvm.barrier0", "")],
     ["data race: read of 16 bytes at shared memory offset \\d+, not ordered with a write", r"thread \(\d+, 0, 0\) wrote", THREAD, PRODUCT]),
    ("no-proxy-fence-before-store", "tma-store-2d", [(PROXY_FENCE, "")],
     ["missing fence: read of 2048 bytes at shared memory offset 0 by the async proxy", r"wrote: ", THREAD, STORE]),
    ("no-barrier-before-store", "tma-store-2d", [("nvvm.barrier0", "")],
     ["uninitialized shared memory: read of 2048 bytes at shared memory offset 0, some of which were never written", PLACE + r", thread \(0, 0, 0\)", STORE]),
    ("no-wait-for-store", "tma-store-2d", [("nvvm.cp.async.bulk.wait_group 0", "")],
     ["access to bytes in flight: the thread leaves the kernel while its copy may still read shared memory", PLACE + r", thread \(0, 0, 0\)", STORE]),
    ("no-commit-of-store", "tma-store-2d", [("nvvm.cp.async.bulk.commit.group", "")],
     ["access to bytes in flight: the thread leaves the kernel while its copy may still read shared memory", THREAD, STORE]),
    ("store-before-the-array", "tma-store-2d", [("%k0 = arith.constant 16", "%k0 = arith.constant -16")],
     ["invalid operand: expected coordinates of at least 0 for a store, but got -16 for dimension 0", THREAD, "nvvm.cp.async.bulk.tensor.global.shared.cta at"]),
    ("write-under-store", "tma-store-2d", [("nvvm.cp.async.bulk.wait_group 0", "memref.store %over, %shared[%c0] : memref<512xf32, #gpu.address_space<workgroup>>\n        nvvm.cp.async.bulk.wait_group 0"),
      ("nvvm.barrier0", "nvvm.barrier0\n      %over = arith.constant 0.0 : f32")],
     ["access to bytes in flight: write to 4 bytes at shared memory offset 0, which may still be read", "the async proxy read: " + STORE,
      PLACE + r", thread \(0, 0, 0\)", "llvm.store at"]),
    ("read-without-wait", "tma-load-2d", [("nvvm.mbarrier.try_wait.parity %mbarrierPtr, %parity, %ticks : !llvm.ptr<3>, i32, i32", "nvvm.barrier0")],
     ["access to bytes in flight: read of 4 bytes at shared memory offset \\d+, which a copy may still be filling", "started the copy: " + LOAD, THREAD, "llvm.load at"]),
    ("write-under-copy", "tma-load-2d", [("%parity = arith.constant 0", "nvvm.barrier0\n      %over = arith.constant 0.0 : f32\n      memref.store %over, %shared[%tid] : memref<512xf32, #gpu.address_space<workgroup>>\n      %parity = arith.constant 0")],
     ["access to bytes in flight: write to 4 bytes at shared memory offset \\d+, which a copy may still be filling", "started the copy: " + LOAD, THREAD]),
    ("copy-nobody-waits-for", "tma-load-2d", [("nvvm.mbarrier.try_wait.parity %mbarrierPtr, %parity, %ticks : !llvm.ptr<3>, i32, i32", ""),
      ("%v = memref.load %shared[%i] : memref<512xf32, #gpu.address_space<workgroup>>", "%v = arith.constant 0.0 : f32")],
     ["access to bytes in flight: the block ends, but no thread waited for the copy", PLACE + r", thread \(0, 0, 0\)", LOAD]),
    ("copy-beyond-shared-memory", "tma-load-2d", [("%target = llvm.addrspacecast %sharedPtr", "%past = llvm.getelementptr %sharedPtr[128] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8\n        %target = llvm.addrspacecast %past")],
     ["out-of-bounds access: write to 2048 bytes at shared memory offset 128, but the block has", THREAD, LOAD]),
    ("misaligned-tile", "tma-load-2d", [("%target = llvm.addrspacecast %sharedPtr", "%past = llvm.getelementptr %sharedPtr[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8\n        %target = llvm.addrspacecast %past")],
     ["misaligned access: write to 2048 bytes at shared memory offset 16, which is not a multiple of 128", THREAD, LOAD]),
    ("wrong-rank", "tma-load-2d", [("box[%k0, %k1] :", "box[%k0] :")],
     ["invalid operand: expected a tensor map of 1 dimensions but got one of 2", THREAD, LOAD]),
    ("no-tensor-map", "tma-load-2d", [("%mapPtr = llvm.inttoptr %mapInt : i64 to !llvm.ptr\n      %k0", "%further = arith.constant 64 : i64\n      %mapNext = arith.addi %mapInt, %further : i64\n      %mapPtr = llvm.inttoptr %mapNext : i64 to !llvm.ptr\n      %k0")],
     ["(invalid operand: there is no encoded tensor map|out-of-bounds access: there is no memory for a tensor map) at 0x", THREAD]),
    ("map-larger-than-tensor", "tma-load-2d", [("%sizes_v1 = llvm.mlir.constant(64", "%sizes_v1 = llvm.mlir.constant(640"), ("%k1 = arith.constant 8", "%k1 = arith.constant 60")],
     ["out-of-bounds access: read of 64 bytes at global address 0x[0-9a-f]+, which are within the tensor map but not within its buffer", THREAD, LOAD]),
    ("box-too-large", "tma-load-2d", [("%box_v1 = llvm.mlir.constant(32", "%box_v1 = llvm.mlir.constant(512")],
     ["invalid tensor map: dimension 1: expected a box from 1 to 256 but got 512"]),
    ("box-of-odd-bytes", "tma-load-2d", [("%box_v0 = llvm.mlir.constant(32", "%box_v0 = llvm.mlir.constant(30")],
     ["invalid tensor map: expected an inner box of a multiple of 16 bytes but got 60"]),
    ("box-wider-than-swizzle", "tma-load-swizzle-64", [("%box_v0 = llvm.mlir.constant(32", "%box_v0 = llvm.mlir.constant(64")],
     ["invalid tensor map: expected an inner box no larger than the swizzle but got 128"]),
    ("odd-stride", "tma-load-2d", [("%strides_v0 = llvm.mlir.constant(128", "%strides_v0 = llvm.mlir.constant(120")],
     ["invalid tensor map: dimension 1: expected a stride below 2\\^40 that is a multiple of 16 bytes but got 120"]),
    ("too-many-dimensions", "tma-load-2d", [("%rank = llvm.mlir.constant(2", "%rank = llvm.mlir.constant(6")],
     ["invalid tensor map: expected a rank from 1 to 5 but got 6"]),
    ("wrong-swizzle-of-tile", "pipeline", [("%b_swizzle = llvm.mlir.constant(3", "%b_swizzle = llvm.mlir.constant(0")], ["elements differ"]),
    ("wrong-swizzle-of-descriptor", "wgmma-128-k-k", [("%b0 = arith.ori %b0f, %b0c", "%mode = arith.constant 0x8000000000000000 : i64\n      %b0x = arith.xori %b0c, %mode : i64\n      %b0 = arith.ori %b0f, %b0x")], ["elements differ"]),
    ("descriptor-beyond-shared-memory", "wgmma-n24", [("%b0o = arith.constant 8192", "%b0o = arith.constant 65536")],
     ["out-of-bounds access: read of 16 bytes at shared memory offset 65536, but the block has", THREAD, PRODUCT]),
    ("other-descriptor-in-one-warp", "wgmma-n24", [("%b0o = arith.constant 8192 : i64", "%c100 = arith.constant 100 : index\n      %later = arith.cmpi ult, %c100, %tid : index\n      %o1 = arith.constant 8192 : i64\n      %o2 = arith.constant 8208 : i64\n      %b0o = arith.select %later, %o2, %o1 : i64")],
     ["invalid operand: the thread has other descriptors, or another scale-d, than the first one of its warpgroup", PLACE + r", thread \(101, 0, 0\)", PRODUCT]),
    ("three-warps-multiply", "wgmma-n24", [("attributes {known_block_size = array<i32: 128,", "attributes {known_block_size = array<i32: 96,"),
      ("%threads = arith.constant 128", "%threads = arith.constant 96")],
     ["divergent arrival: all threads of a warpgroup have to execute it, but the block has no other warps for the last one", THREAD]),
    ("one-warp-does-not-multiply", "pipeline", [("nvvm.wgmma.fence.aligned", "%oneWarp = arith.constant 32 : index\n          %stays = arith.cmpi ult, %lane, %oneWarp : index\n          scf.if %stays {\n            nvvm.barrier id = %two32 number_of_threads = %eight\n          }\n          nvvm.wgmma.fence.aligned"),
      ("%four = arith.constant 4 : i64", "%four = arith.constant 4 : i64\n      %eight = arith.constant 256 : i32")],
     ["lanes 0 to 31 of warp 1, lanes 0 to 31 of warp 2, lanes 0 to 31 of warp 3 wait for lanes 0 to 31 of warp 0 at " + PRODUCT]),
    ("too-many-registers", "setmaxnreg", [("increase 240", "increase 248")],
     ["deadlock: no thread of the block can go on", "wait for 248 registers a thread instead of 168, while the block has 8192 to spare, at nvvm.setmaxregister at"]),
    ("registers-of-two-warps", "setmaxnreg", [("%c128 = arith.constant 128", "%c128 = arith.constant 64")],
     ["(divergent arrival|deadlock): ", ".*"]),
    ("increase-below-registers", "setmaxnreg", [("increase 240", "increase 160")],
     ["invalid operand: expected at least 168 registers, which each thread has, but got 160", THREAD, "nvvm.setmaxregister at"]),
    ("registers-without-bound", "setmaxnreg", [("nvvm.minctasm = 1 : i32, ", "")],
     ["invalid operand: the kernel has no bound of registers, without which it has no effect", THREAD, "nvvm.setmaxregister at"]),
    ("no-cluster-barrier-behind-mbarriers", "cluster-ring", [(START, "nvvm.barrier0")],
     [r"data race: write to 8 bytes at shared memory offset \d+ of block \(1, 0, 0\), not ordered with a write",
      r"block \(1, 0, 0\), thread \(0, 0, 0\) wrote: nvvm.mbarrier.init at", THREAD, LOAD]),
    ("copy-before-another-block-starts", "cluster-ring", [(START, "")],
     [r"invalid operand: there is no initialized mbarrier at shared memory offset \d+ of block \(1, 0, 0\)", THREAD, LOAD]),
    ("no-mbarrier-fence-before-cluster-barrier", "cluster-ring", [("nvvm.fence.mbarrier.init", "")],
     ["data race: ", r"thread \(0, 0, 0\) wrote: nvvm.mbarrier.init at"]),
    ("relaxed-barrier-behind-writes", "cluster-ring", [("%sum = scf.for", "memref.store %zero, %tiles[%c0, %lane] : memref<32x32xf32, #gpu.address_space<workgroup>>\n        %sum = scf.for")],
     ["data race: write to 128 bytes|data race: write to 1024 bytes|access to bytes in flight: write to 4 bytes", ".*"]),
    ("no-cluster-barrier-at-the-end", "cluster-ring", [(END, "")],
     [r"early exit: arrival at the mbarrier at shared memory offset \d+ of block \(\d, 0, 0\), which does not wait for it before it leaves the kernel",
      r"kernel kernel, block \(\d, 0, 0\), thread \(32, 0, 0\)", REMOTE]),
    ("relaxed-cluster-barrier-at-the-end", "cluster-ring", [(END, END.replace("arrive", "arrive.relaxed"))], ["early exit: arrival at the mbarrier", ".*", REMOTE]),
    ("no-cluster-wait-at-the-end", "cluster-ring", [(END, "nvvm.cluster.arrive")], ["early exit: arrival at", ".*", REMOTE]),
    ("arrival-at-block-that-left", "cluster-ring", [(END, END + f"""
      %isSecond = arith.cmpi eq, %rank, %one : i32
      nvvm.cluster.arrive
      scf.if %isSecond {{
      }} else {{
        nvvm.cluster.wait
{pointer("empty", "%c0")}{arrive("%emptyPtr", "%one")}
      }}""")],
     [r"early exit: arrival at an mbarrier of block \(1, 0, 0\), which has left the kernel", THREAD, REMOTE]),
    ("copy-to-block-that-left", "cluster-ring", [(END, END + f"""
      %isSecond = arith.cmpi eq, %rank, %one : i32
      nvvm.cluster.arrive
      scf.if %isSecond {{
      }} else {{
        nvvm.cluster.wait
        scf.if %isFirst {{
{load("%c0", "%c0", "%c0")}
        }}
      }}""")],
     [r"early exit: copy to block \(1, 0, 0\), which has left the kernel", THREAD, LOAD]),
    ("copy-that-another-block-does-not-wait-for", "cluster-ring",
     [("%sum = scf.for %t = %c0 to %steps", "%fewer = arith.subi %steps, %block : index\n        %sum = scf.for %t = %c0 to %fewer")],
     [r"access to bytes in flight: block \(1, 0, 0\) ends, but no thread waited for the copy", THREAD, LOAD]),
    ("no-wait-for-copy-of-another-block", "cluster-ring", [(WAIT_TILE, f"""%never = arith.cmpi eq, %t, %c1 : index
          scf.if %never {{
          }} else {{
            {WAIT_TILE}
          }}""")],
     [r"access to bytes in flight: read of 4 bytes at shared memory offset \d+, which a copy may still be filling",
      r"block \(\d, 0, 0\), thread \(0, 0, 0\) started the copy: " + LOAD, r"kernel kernel, block \(\d, 0, 0\), thread \(\d+, 0, 0\)", "llvm.load at"]),
    ("release-before-all-lanes-have-read", "cluster-ring", [("nvvm.bar.warp.sync %warp : i32", "")],
     [r"data race: write to 1024 bytes at shared memory offset \d+ of block \(0, 0, 0\), not ordered with a read",
      r"block \(0, 0, 0\), thread \(\d+, 0, 0\) read: llvm.load at", SECOND_BLOCK, LOAD]),
    ("release-of-own-block-alone", "cluster-ring",
     [("nvgpu.mbarrier.init %empty[%s], %blocks", "nvgpu.mbarrier.init %empty[%s], %c1"), (FIRST_ARRIVAL, arrive("%emptyPtr", "%rank")), (SECOND_ARRIVAL, "")],
     [r"data race: write to 1024 bytes at shared memory offset \d+ of block \(\d, 0, 0\), not ordered with a read|phase overrun|access to bytes in flight", ".*"]),
    ("no-release-of-another-block", "cluster-ring", [(SECOND_ARRIVAL, "")],
     [r"deadlock: no thread of the cluster can go on", r"block \(0, 0, 0\):", r"mbarrier at shared memory offset \d+: phase 1 lacks 2 of 2 arrivals",
      r"lane 0 of warp 0 wait at nvvm.mbarrier.try_wait.parity", r"mbarrier at shared memory offset \d+: phase 1 lacks 0 of 1 arrivals and 1024 bytes", r"lanes 0 to 31 of warp 1 wait at nvvm.mbarrier.try_wait.parity"]),
    ("copy-to-own-block-alone", "cluster-ring", [("%both = arith.constant 3 : i16", "%both = arith.constant 1 : i16")],
     [r"deadlock: no thread of the cluster can go on", ".*"]),
    ("too-few-bytes-of-another-block", "cluster-ring", [("%bytes = arith.constant 2048", "%bytes = arith.constant 1040")],
     [r"deadlock: no thread of the cluster can go on", r"block \(0, 0, 0\):", ".*", ".*", r"mbarrier at shared memory offset \d+: phase 0 lacks 0 of 1 arrivals, and got 1008 bytes too many"]),
    ("too-many-bytes-of-another-block", "cluster-ring", [("%bytes = arith.constant 2048", "%bytes = arith.constant 2064")],
     [r"deadlock: no thread of the cluster can go on", r"block \(0, 0, 0\):", ".*", ".*", r"mbarrier at shared memory offset \d+: phase 0 lacks 0 of 1 arrivals and 16 bytes"]),
    ("no-expected-bytes", "cluster-ring", [("nvgpu.mbarrier.arrive.expect_tx %full[%slot], %bytes : !barriers", "%token = nvgpu.mbarrier.arrive %full[%slot] : !barriers -> !nvgpu.mbarrier.token")],
     ["access to bytes in flight: read of 4 bytes at shared memory offset", "started the copy: " + LOAD, THREAD, "llvm.load at"]),
    ("copy-to-block-outside-of-cluster", "cluster-ring", [("%both = arith.constant 3 : i16", "%both = arith.constant 7 : i16")],
     ["invalid operand: copy to block 2 of a cluster of 2", THREAD, LOAD]),
    ("copy-to-no-block", "cluster-ring", [("%block = arith.index_cast", "%rank16 = arith.trunci %rank : i32 to i16\n      %both = arith.andi %rank16, %two : i16\n      %block = arith.index_cast"), ("%both = arith.constant 3 : i16", "%two = arith.constant 2 : i16")],
     ["invalid operand: expected a mask that names a block of the cluster but got 0", THREAD, LOAD]),
    ("arrival-outside-of-cluster", "cluster-ring", [(SECOND_ARRIVAL, "            %three = arith.constant 3 : i32\n" + arrive("%emptyPtr", "%three"))],
     ["invalid operand: arrival at an mbarrier of block 3 of a cluster of 2", r"kernel kernel, block \(\d, 0, 0\), thread \(32, 0, 0\)", REMOTE]),
    ("copy-without-cluster", "cluster-ring", [(CLUSTER, ""), (KNOWN, "")],
     ["invalid operand: a copy to several blocks needs a launch with a cluster", r"kernel kernel, block \(\d, 0, 0\), thread \(0, 0, 0\)", LOAD]),
    ("odd-grid", "cluster-ring", [(GRID, "blocks in (%c3, %c1, %c1)"), ("%threads = arith.constant 64", "%c3 = arith.constant 3 : index\n    %threads = arith.constant 64")],
     ["invalid launch: expected grid dimension x to be a multiple of the cluster's, 2, but got 3"]),
    ("other-cluster-than-known", "cluster-ring", [(CLUSTER, "clusters in (%c1, %c1, %c1)")],
     ["invalid launch: expected cluster dimension x to be 2, as the kernel says, but got 1"]),
    ("cluster-too-large", "cluster-ring", [(CLUSTER, "clusters in (%threads, %c1, %c1)"), (GRID, "blocks in (%threads, %c1, %c1)"), (KNOWN, "")],
     ["invalid launch: expected cluster dimension x from 1 to 16 but got 64"]),
    ("one-warp-does-not-arrive-at-cluster", "cluster-ring", [(END, "scf.if %isProducer {\n        " + END + "\n      } else {\n        nvvm.barrier id = %one number_of_threads = %most\n      }"), ("%one = arith.constant 1 : i32", "%one = arith.constant 1 : i32\n      %most = arith.constant 64 : i32")],
     ["deadlock: no thread of the cluster can go on", r"block \(0, 0, 0\):", "barrier 1: 32 of 64 threads arrived"]),
    ("cluster-wait-without-arrival", "cluster-ring", [(END, "nvvm.cluster.wait")],
     ["invalid operand: the thread waits at the barrier of the cluster, with no arrival before", ".*", "nvvm.cluster.wait at"]),
    ("cluster-arrival-without-wait", "cluster-ring", [(END, "nvvm.cluster.arrive\n      " + END)],
     ["invalid operand: the thread arrives at the barrier of the cluster again, with no wait behind its arrival before", ".*", "nvvm.cluster.arrive at"]),
]  # fmt: skip


def check(defect, tests, mfa_run, directory):
    """Returns nothing or what is wrong with the report of a defect."""
    name, program, replacements, wanted = defect
    test = tests[program]
    text = test.program
    for old, new in replacements:
        if old not in text:
            return f"the program has no '{old}'"
        text = text.replace(old, new)
    changed = compare.Test(name, text, test.arguments, test.expected, test.chip, test.compare)
    report = compare.run(changed, "sim", mfa_run, directory)
    if report is None:
        return "not reported"
    lines = report.splitlines()
    for i in range(len(lines) - len(wanted) + 1):
        if all(re.search(pattern, line) for pattern, line in zip(wanted, lines[i:])):
            return None
    return f"expected {wanted} but got\n{report}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mfa-run", default="build/bin/mfa-run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="programs to run at once")
    parser.add_argument("filters", nargs="*")
    options = parser.parse_args()
    tests = {test.name: test for test in compare.collect([])}
    defects = [d for d in DEFECTS if not options.filters or any(text in d[0] for text in options.filters)]
    failed = 0
    with tempfile.TemporaryDirectory() as directory, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        run = lambda defect: check(defect, tests, options.mfa_run, directory)
        for defect, wrong in zip(defects, pool.map(run, defects)):
            print(f"{'FAIL' if wrong else 'ok'} {defect[0]}" + (f": {wrong}" if wrong else ""), flush=True)
            failed += bool(wrong)
    print(f"{len(defects) - failed} defects reported, {failed} not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
