// RUN: mfa-opt %s --split-input-file \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   | FileCheck %s

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// The destination is written in place and not read before: no copy, no fill.
// CHECK-LABEL: func.func @in_place
// CHECK-SAME: %[[Q:.*]]: memref<2x16x4x8xf16>, %[[K:.*]]: memref<2x32x2x8xf16>, %[[M:.*]]: memref<2x16x32xf16>, %[[S:.*]]: f32, %[[O:.*]]: memref<2x16x4x8xf16>, %[[L:.*]]: memref<2x4x16xf32>
// CHECK-NEXT: mfa.masked_attention {name = "kept"} ins(%[[Q]], %[[K]], %[[K]] : {{.*}}) mask(%[[M]] : {{.*}}) scale(%[[S]] : f32) outs(%[[O]] : {{.*}}) lse(%[[L]] : {{.*}}) schedule({{.*}})
// CHECK-NEXT: return %[[O]], %[[L]]
func.func @in_place(%q: !q, %k: !k, %m: tensor<2x16x32xf16>, %s: f32, %o: !q,
                    %l: tensor<2x4x16xf32>) -> (!q, tensor<2x4x16xf32>) {
  %0:2 = mfa.masked_attention {name = "kept"} ins(%q, %k, %k : !q, !k, !k)
           mask(%m : tensor<2x16x32xf16>) scale(%s : f32)
           outs(%o : !q) lse(%l : tensor<2x4x16xf32>)
           schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64,
                                  tile_keys = 64, warps = 4, stages = 1>)
           -> !q, tensor<2x4x16xf32>
  return %0#0, %0#1 : !q, tensor<2x4x16xf32>
}

// CHECK-LABEL: func.func @new_destination
// CHECK: %[[O:.*]] = memref.alloc() {{.*}} : memref<2x16x4x8xf16>
// CHECK-NOT: memref.copy
// CHECK: mfa.masked_attention {{.*}} outs(%[[O]] :
// CHECK: return %[[O]]
func.func @new_destination(%q: !q, %k: !k) -> !q {
  %o = tensor.empty() : !q
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k) outs(%o : !q) -> !q
  return %0 : !q
}

// Rows are written while others are read, so a destination that is also an
// input gets a buffer of its own, without a copy of what is not read.
// CHECK-LABEL: func.func @destination_is_input
// CHECK-SAME: %[[Q:.*]]: memref<2x16x4x8xf16>
// CHECK: %[[O:.*]] = memref.alloc()
// CHECK-NOT: memref.copy
// CHECK: mfa.masked_attention ins(%[[Q]], %[[Q]], %[[Q]] : {{.*}}) outs(%[[O]] :
func.func @destination_is_input(%q: !q) -> !q {
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) outs(%q : !q) -> !q
  return %0 : !q
}

// A destination that is read later is not overwritten.
// CHECK-LABEL: func.func @destination_read_later
// CHECK-SAME: %{{.*}}: memref<2x16x4x8xf16>, %[[INIT:.*]]: memref<2x16x4x8xf16>
// CHECK: %[[O:.*]] = memref.alloc()
// CHECK: mfa.masked_attention {{.*}} outs(%[[O]] :
// CHECK: return %[[O]], %[[INIT]]
func.func @destination_read_later(%q: !q, %o: !q) -> (!q, !q) {
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) outs(%o : !q) -> !q
  return %0, %o : !q, !q
}

// -----

// Slices become views: no copies of packed QKV or of the part that is written.
// CHECK-LABEL: func.func @views
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: mfa.masked_attention ins({{.*}} : memref<2x16x4x8xf16, strided<[1536, 96, 8, 1]>>, memref<2x16x4x8xf16, strided<[1536, 96, 8, 1], offset: 32>>, memref<2x16x4x8xf16, strided<[1536, 96, 8, 1], offset: 64>>) outs({{.*}} : memref<2x16x4x8xf16, strided<[1024, 32, 8, 1], offset: 512>>)
// CHECK: return
func.func @views(%qkv: tensor<2x16x12x8xf16>, %all: tensor<2x32x4x8xf16>)
    -> tensor<2x32x4x8xf16> {
  %q = tensor.extract_slice %qkv[0, 0, 0, 0] [2, 16, 4, 8] [1, 1, 1, 1]
         : tensor<2x16x12x8xf16> to tensor<2x16x4x8xf16>
  %k = tensor.extract_slice %qkv[0, 0, 4, 0] [2, 16, 4, 8] [1, 1, 1, 1]
         : tensor<2x16x12x8xf16> to tensor<2x16x4x8xf16>
  %v = tensor.extract_slice %qkv[0, 0, 8, 0] [2, 16, 4, 8] [1, 1, 1, 1]
         : tensor<2x16x12x8xf16> to tensor<2x16x4x8xf16>
  %o = tensor.extract_slice %all[0, 16, 0, 0] [2, 16, 4, 8] [1, 1, 1, 1]
         : tensor<2x32x4x8xf16> to tensor<2x16x4x8xf16>
  %0 = mfa.masked_attention
         ins(%q, %k, %v : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>,
                          tensor<2x16x4x8xf16>)
         outs(%o : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %1 = tensor.insert_slice %0 into %all[0, 16, 0, 0] [2, 16, 4, 8] [1, 1, 1, 1]
         : tensor<2x16x4x8xf16> into tensor<2x32x4x8xf16>
  return %1 : tensor<2x32x4x8xf16>
}

// -----

// A slice that steps over D has no unit stride: it goes through a contiguous
// buffer, on the way in and on the way out.
// CHECK-LABEL: func.func @strided_slices
// CHECK: %[[Q_VIEW:.*]] = memref.subview
// CHECK: memref.subview
// CHECK: %[[O_VIEW:.*]] = memref.subview
// CHECK: %[[Q:.*]] = memref.alloc({{.*}}) {{.*}} : memref<?x16x4x8xf16>
// CHECK: memref.copy %[[Q_VIEW]], %[[Q]]
// CHECK: %[[O:.*]] = memref.alloc({{.*}}) {{.*}} : memref<?x16x4x8xf16>
// CHECK: mfa.masked_attention ins(%[[Q]], %{{.*}}, %{{.*}} : {{.*}}) mask({{.*}} : memref<1x16x16xf16, strided<[512, 32, 2]>>) outs(%[[O]] :
// CHECK: memref.copy %[[O]], %[[O_VIEW]]
func.func @strided_slices(%x: tensor<?x16x4x16xf16>, %k: tensor<?x16x4x8xf16>,
                          %m: tensor<1x16x32xf16>, %all: tensor<?x16x4x16xf16>,
                          %batch: index) -> tensor<?x16x4x16xf16> {
  %q = tensor.extract_slice %x[0, 0, 0, 0] [%batch, 16, 4, 8] [1, 1, 1, 2]
         : tensor<?x16x4x16xf16> to tensor<?x16x4x8xf16>
  %mask = tensor.extract_slice %m[0, 0, 0] [1, 16, 16] [1, 1, 2]
            : tensor<1x16x32xf16> to tensor<1x16x16xf16>
  %o = tensor.extract_slice %all[0, 0, 0, 1] [%batch, 16, 4, 8] [1, 1, 1, 2]
         : tensor<?x16x4x16xf16> to tensor<?x16x4x8xf16>
  %0 = mfa.masked_attention
         ins(%q, %k, %k : tensor<?x16x4x8xf16>, tensor<?x16x4x8xf16>,
                          tensor<?x16x4x8xf16>)
         mask(%mask : tensor<1x16x16xf16>)
         outs(%o : tensor<?x16x4x8xf16>) -> tensor<?x16x4x8xf16>
  %1 = tensor.insert_slice %0
         into %all[0, 0, 0, 1] [%batch, 16, 4, 8] [1, 1, 1, 2]
         : tensor<?x16x4x8xf16> into tensor<?x16x4x16xf16>
  return %1 : tensor<?x16x4x16xf16>
}

// -----

// So does one whose step is not known.
// CHECK-LABEL: func.func @dynamic_step
// CHECK: %[[Q_VIEW:.*]] = memref.subview
// CHECK: %[[Q:.*]] = memref.alloc() {{.*}} : memref<2x16x4x8xf16>
// CHECK: memref.copy %[[Q_VIEW]], %[[Q]]
// CHECK: mfa.masked_attention ins(%[[Q]],
func.func @dynamic_step(%x: tensor<2x16x4x64xf16>, %k: tensor<2x16x4x8xf16>,
                        %o: tensor<2x16x4x8xf16>, %step: index)
    -> tensor<2x16x4x8xf16> {
  %q = tensor.extract_slice %x[0, 0, 0, 0] [2, 16, 4, 8] [1, 1, 1, %step]
         : tensor<2x16x4x64xf16> to tensor<2x16x4x8xf16>
  %0 = mfa.masked_attention
         ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>,
                          tensor<2x16x4x8xf16>)
         outs(%o : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  return %0 : tensor<2x16x4x8xf16>
}

// -----

// Ops on buffers are left alone.
// CHECK-LABEL: func.func @buffers
// CHECK-NEXT: mfa.masked_attention
// CHECK-NEXT: return
func.func @buffers(%x: memref<2x16x4x8xf16>, %o: memref<2x16x4x8xf16>) {
  mfa.masked_attention
    ins(%x, %x, %x : memref<2x16x4x8xf16>, memref<2x16x4x8xf16>,
                     memref<2x16x4x8xf16>)
    outs(%o : memref<2x16x4x8xf16>)
  return
}

// -----

// Captured arrays and sinks become buffers, and so do the region's reads of them.
// A tensor that is captured and then written gets a copy.
// CHECK-LABEL: func.func @regions
// CHECK-SAME: %[[Q:.*]]: memref<2x16x4x8xf16>, %[[IDS:.*]]: memref<2x?xi32>, %[[S:.*]]: memref<4xf32>, %[[W:.*]]: index, %[[O:.*]]: memref<2x16x4x8xf16>
// CHECK: mfa.masked_attention ins(%[[Q]], %[[Q]], %[[Q]] : {{.*}}) sinks(%[[S]] : memref<4xf32>) captures(%[[IDS]], %[[W]] : memref<2x?xi32>, index) outs(%[[O]] : {{.*}}) score
// CHECK-NEXT: ^bb0(%s: f32, {{.*}}, %{{.*}}: memref<2x?xi32>, %{{.*}}: index):
// CHECK-NEXT: mfa.yield %s
// CHECK: keep
// CHECK-NEXT: ^bb0({{.*}}, %[[A:.*]]: memref<2x?xi32>, %{{.*}}: index):
// CHECK: memref.dim %[[A]]
// CHECK: memref.load %[[A]][%b, %k] : memref<2x?xi32>
// CHECK-NOT: tensor
// CHECK: %[[COPY:.*]] = memref.alloc
// CHECK: memref.copy %[[IDS]], %[[COPY]]
// CHECK: memref.store %{{.*}}, %[[COPY]]
// CHECK: return %[[O]], %[[COPY]], %[[IDS]]
func.func @regions(%q: tensor<2x16x4x8xf16>, %ids: tensor<2x?xi32>,
                   %s: tensor<4xf32>, %w: index, %o: tensor<2x16x4x8xf16>)
    -> (tensor<2x16x4x8xf16>, tensor<2x?xi32>, tensor<2x?xi32>) {
  %0 = mfa.masked_attention
         ins(%q, %q, %q : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>,
                          tensor<2x16x4x8xf16>)
         sinks(%s : tensor<4xf32>)
         captures(%ids, %w : tensor<2x?xi32>, index)
         outs(%o : tensor<2x16x4x8xf16>)
         score {
         ^bb0(%x: f32, %b: index, %h: index, %i: index, %n: index, %a: tensor<2x?xi32>, %v: index):
           mfa.yield %x : f32
         }
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %a: tensor<2x?xi32>, %v: index):
           %one = arith.constant 1 : index
           %size = tensor.dim %a, %one : tensor<2x?xi32>
           %id = tensor.extract %a[%b, %n] : tensor<2x?xi32>
           %t = arith.index_cast %size : index to i32
           %c = arith.cmpi slt, %id, %t : i32
           mfa.yield %c : i1
         } -> tensor<2x16x4x8xf16>
  %zero = arith.constant 0 : index
  %x = arith.constant 7 : i32
  %1 = tensor.insert %x into %ids[%zero, %zero] : tensor<2x?xi32>
  return %0, %1, %ids : tensor<2x16x4x8xf16>, tensor<2x?xi32>, tensor<2x?xi32>
}
