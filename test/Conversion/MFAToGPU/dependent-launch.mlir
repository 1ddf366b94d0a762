// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90 --canonicalize --cse --split-input-file | FileCheck %s
// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_120 --canonicalize --cse --split-input-file | FileCheck %s
// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_89 --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=OLD

// Kernels of one op, but the first, may begin while the one in front of them runs, from
// sm_90 on; they wait before they touch memory. Whether the list is there already is for
// the run to say: the runtime knows what it has launched.
// OLD-NOT: overlap_launch
// OLD-NOT: griddepcontrol

!a = memref<?x?x4x64xf16>
!i = memref<?x?xi32>

// CHECK-LABEL: func.func @documents
// CHECK-NOT: overlap_launch
// CHECK: gpu.launch_func {{.*}}@masked_attention_tile_classes
// CHECK: mfa_gpu.overlap_launch
// CHECK: gpu.launch_func {{.*}}@masked_attention_tile_order
// CHECK: mfa_gpu.overlap_launch
// CHECK-NEXT: gpu.launch_func {{.*}}@masked_attention blocks
// CHECK-NOT: overlap_launch
// CHECK: gpu.func @masked_attention_tile_classes({{.*}} kernel
// CHECK-NOT: memref.load
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NOT: griddepcontrol
// CHECK: gpu.func @masked_attention_tile_order({{.*}} kernel
// CHECK-NOT: memref.load
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NEXT: nvvm.griddepcontrol wait
// CHECK-NOT: griddepcontrol
// CHECK: gpu.func @masked_attention({{.*}} kernel
// CHECK-NOT: memref.load
// CHECK: nvvm.griddepcontrol wait
// CHECK-NOT: griddepcontrol
func.func @documents(%q: !a, %ids: !i, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids : !i) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: !i):
        %x = memref.load %d[%b, %i] : !i
        %y = memref.load %d[%b, %n] : !i
        %same = arith.cmpi eq, %x, %y : i32
        mfa.yield %same : i1
      }
  return
}

// -----

!a = memref<?x1024x4x64xf16>
!m = memref<1x1024x1024xf16>

// What of ranges of keys adds up is there when all blocks of those are.
// CHECK-LABEL: func.func @split
// CHECK: gpu.func @masked_attention_tile_classes({{.*}} kernel
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NOT: griddepcontrol
// CHECK: gpu.func @masked_attention_magnitudes({{.*}} kernel
// CHECK-NOT: memref.load
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NEXT: nvvm.griddepcontrol wait
// CHECK-NOT: griddepcontrol
// CHECK: gpu.func @masked_attention_tile_order({{.*}} kernel
// CHECK-NOT: memref.load
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NEXT: nvvm.griddepcontrol wait
// CHECK-NOT: griddepcontrol
// CHECK: gpu.func @masked_attention({{.*}} kernel
// CHECK-NOT: memref.load
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NEXT: nvvm.griddepcontrol wait
// CHECK-NOT: griddepcontrol
// CHECK: gpu.func @masked_attention_combine({{.*}} kernel
// CHECK-NOT: memref.load
// CHECK: nvvm.griddepcontrol wait
// CHECK-NOT: griddepcontrol
// CHECK: gpu.func @{{.*}} kernel
func.func @split(%q: !a, %m: !m, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%m : !m) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, splits_keys = true, tiles = list>)
  return
}

// -----

!a = memref<?x?x4x64xf16>

// A kernel that is always alone has nothing of it.
// CHECK-LABEL: func.func @alone
// CHECK-NOT: overlap_launch
// CHECK: gpu.launch_func
// CHECK-NOT: overlap_launch
// CHECK: gpu.func @masked_attention({{.*}} kernel
// CHECK-NOT: griddepcontrol
// CHECK: gpu.return
func.func @alone(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
  return
}
