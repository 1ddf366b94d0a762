// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90a --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s

// Where a mask has no tensor map, which its strides tell, a copy with aligned rows takes
// its place, in the same kernel. Batches that share their elements share the copy.

// CHECK-LABEL: func.func @open(
// CHECK-SAME: %[[MASK:[a-z0-9]+]]: memref<?x?x?xbf16, strided<[?, ?, 1], offset: ?>>
// CHECK: %[[MAP:.*]], %[[VALID:.*]] = mfa_gpu.encode_tensor_map %[[MASK]] box [1, 192, 64]
// CHECK: %[[CHOSEN:.*]]:2 = scf.if %[[VALID]]
// CHECK: scf.yield %[[MASK]], %[[MAP]]
// CHECK: else
// CHECK: %{{.*}}, %{{.*}}, %[[SIZES:.*]]:3, %[[STRIDES:.*]]:3 = memref.extract_strided_metadata %[[MASK]]
// CHECK: %[[CHUNKS:.*]] = arith.ceildivui %[[SIZES]]#2, %c8
// CHECK: %[[PITCH:.*]] = arith.muli %[[CHUNKS]], %c8
// CHECK: %[[SHARED:.*]] = arith.cmpi eq, %[[STRIDES]]#0, %c0
// CHECK: %[[BATCHES:.*]] = arith.select %[[SHARED]], %c1, %[[SIZES]]#0
// CHECK: %[[STRIDE:.*]] = arith.select %[[SHARED]], %c0, %{{.*}}
// CHECK: %[[ROWS:.*]] = arith.muli %[[SIZES]]#1, %[[BATCHES]]
// CHECK: %[[SOURCE:.*]] = memref.subview %[[MASK]][0, 0, 0] [%[[BATCHES]], %[[SIZES]]#1, %[[SIZES]]#2]
// CHECK: %[[BUFFER:.*]], %{{.*}} = gpu.alloc async {{.*}} (%[[BATCHES]], %[[SIZES]]#1, %[[PITCH]]) : memref<?x?x?xbf16>
// CHECK: gpu.launch_func {{.*}} @[[COPY:mfa_kernels.*::@masked_attention_mask_copy.*]] blocks in (%[[ROWS]], %c1, %c1) {{.*}} args(%[[SOURCE]] : {{.*}}, %[[BUFFER]] :
// CHECK: memref.reinterpret_cast %[[BUFFER]] to offset: [0], sizes: [%[[SIZES]]#0, %[[SIZES]]#1, %[[SIZES]]#2], strides: [%[[STRIDE]], %[[PITCH]], 1]
// CHECK: mfa_gpu.encode_tensor_map %{{.*}} box [1, 192, 64]
// CHECK: mfa_gpu.overlap_launch
// CHECK-NEXT: gpu.launch_func @{{.*}}::@masked_attention blocks
// CHECK-SAME: %[[CHOSEN]]#0 :
// CHECK-SAME: %[[CHOSEN]]#1 :
// CHECK: scf.if %{{.*}} {
// CHECK: gpu.dealloc {{.*}} %[[CHOSEN]]#0
// CHECK: else
// CHECK-NOT: mask_copy
// CHECK-NOT: overlap_launch
// CHECK: gpu.launch_func @{{.*}}::@masked_attention{{.*}} args({{.*}}%[[MASK]] :

// CHECK: gpu.func @masked_attention_mask_copy(%[[FROM:.*]]: memref{{.*}}, %[[TO:.*]]: memref{{.*}}) kernel
// CHECK-NOT: griddepcontrol wait
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK: scf.for
// CHECK: arith.minui
// CHECK: %[[ELEMENT:.*]] = memref.load %[[FROM]]
// CHECK: memref.store %[[ELEMENT]], %[[TO]]

// The kernel that reads the copy waits for it before anything of it is read.
// CHECK: gpu.func @masked_attention(
// CHECK-NOT: tensor_load
// CHECK-NOT: memref.load
// CHECK: nvvm.griddepcontrol wait
// CHECK: mfa_gpu.tensor_load
// CHECK: llvm.loop_unroll<disable = false, count = 4 : i32>
func.func @open(%q: memref<?x?x4x64xbf16>, %o: memref<?x?x4x64xbf16>,
                %m: memref<?x?x?xbf16, strided<[?, ?, 1], offset: ?>>) {
  mfa.masked_attention ins(%q, %q, %q : memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>)
      mask(%m : memref<?x?x?xbf16, strided<[?, ?, 1], offset: ?>>) outs(%o : memref<?x?x4x64xbf16>)
  return
}

// -----

// Where the type tells it nothing is asked.

// CHECK-LABEL: func.func @known(
// CHECK-SAME: %[[MASK:[a-z0-9]+]]: memref<2x1x100x133xi1>
// CHECK: scf.if
// CHECK-NOT: encode_tensor_map %[[MASK]]
// CHECK: %[[BUFFER:.*]], %{{.*}} = gpu.alloc async {{.*}} : memref<2x1x100x144xi1>
// CHECK: gpu.launch_func {{.*}}@masked_attention_mask_copy
// CHECK-SAME: %c200
// CHECK: %[[COPY:.*]] = memref.reinterpret_cast %[[BUFFER]] to offset: [0], sizes: [2, 1, 100, 133], strides: [14400, 14400, 144, 1]
// CHECK: %[[MAP:.*]], %{{.*}} = mfa_gpu.encode_tensor_map %[[COPY]] box [1, 1, {{.*}}]
// CHECK: gpu.launch_func @{{.*}}::@masked_attention blocks
// CHECK-SAME: %[[COPY]] :
// CHECK-SAME: %[[MAP]] :
// CHECK: gpu.dealloc {{.*}} %[[COPY]]
func.func @known(%q: memref<2x100x4x64xf16>, %k: memref<2x133x4x64xf16>, %o: memref<2x100x4x64xf16>,
                 %m: memref<2x1x100x133xi1>) {
  // expected-remark @below {{'mask' is copied in front of each launch, since its rows do not all start on 16-byte boundaries: 'memref<2x1x100x133xi1>'}}
  mfa.masked_attention ins(%q, %k, %k : memref<2x100x4x64xf16>, memref<2x133x4x64xf16>, memref<2x133x4x64xf16>)
      mask(%m : memref<2x1x100x133xi1>) outs(%o : memref<2x100x4x64xf16>)
  return
}

// -----

// Strides of the type that a copy has not are open to the kernel of both.

// CHECK-LABEL: func.func @wide(
// CHECK: scf.if %{{.*}} -> (memref<1x100x100xf16, strided<[?, ?, ?], offset: ?>>, !llvm.array<16 x i64>)
// CHECK: gpu.launch_func {{.*}}@masked_attention_mask_copy
func.func @wide(%q: memref<1x100x4x64xf16>, %o: memref<1x100x4x64xf16>,
                %m: memref<1x100x100xf16, strided<[12800, 128, 1]>>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x100x4x64xf16>, memref<1x100x4x64xf16>, memref<1x100x4x64xf16>)
      mask(%m : memref<1x100x100xf16, strided<[12800, 128, 1]>>) outs(%o : memref<1x100x4x64xf16>)
  return
}

// -----

// Heads and batches of a type that says that they share their elements share the copy.

// CHECK-LABEL: func.func @shared(
// CHECK: gpu.alloc async {{.*}} : memref<?x?x128x136xf16>
// CHECK: gpu.launch_func {{.*}}@masked_attention_mask_copy
// CHECK: memref.reinterpret_cast {{.*}} sizes: [2, 4, 128, 129], strides: [0, 0, 136, 1]
func.func @shared(%q: memref<2x128x4x64xf16>, %k: memref<2x129x4x64xf16>, %o: memref<2x128x4x64xf16>,
                  %m: memref<2x4x128x129xf16, strided<[0, 0, 129, 1]>>) {
  // expected-remark @below {{'mask' is copied in front of each launch}}
  mfa.masked_attention ins(%q, %k, %k : memref<2x128x4x64xf16>, memref<2x129x4x64xf16>, memref<2x129x4x64xf16>)
      mask(%m : memref<2x4x128x129xf16, strided<[0, 0, 129, 1]>>) outs(%o : memref<2x128x4x64xf16>)
  return
}

// -----

// Of no keys there is nothing to copy.

// CHECK-LABEL: func.func @no_keys(
// CHECK-NOT: mask_copy
// CHECK: return
func.func @no_keys(%q: memref<2x128x4x64xf16>, %k: memref<2x0x4x64xf16>, %o: memref<2x128x4x64xf16>,
                   %m: memref<2x128x0xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x128x4x64xf16>, memref<2x0x4x64xf16>, memref<2x0x4x64xf16>)
      mask(%m : memref<2x128x0xf16>) outs(%o : memref<2x128x4x64xf16>)
  return
}

// -----

// To a few query rows a copy is not worth a launch.

// CHECK-LABEL: func.func @few_rows(
// CHECK-NOT: mask_copy
// CHECK: return
func.func @few_rows(%q: memref<?x1x4x64xbf16>, %k: memref<?x?x4x64xbf16>, %o: memref<?x1x4x64xbf16>,
                    %m: memref<?x1x?xbf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<?x1x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>)
      mask(%m : memref<?x1x?xbf16>) outs(%o : memref<?x1x4x64xbf16>)
  return
}
