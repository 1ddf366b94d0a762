// RUN: mfa-opt %s --convert-mfa-to-vector --split-input-file | FileCheck %s

#schedule = #mfa.schedule<kind = cpu, tile_rows = 6, tile_keys = 24, lanes = 4,
                          register_rows = 3, register_columns = 2>

// Tiles of rows, and parts of their keys, in parallel; of each a loop over tiles of
// keys, and one over register rows.

// CHECK-LABEL: func.func @plain(
// CHECK: scf.parallel (%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) =
// CHECK-DAG: %[[QUERY:.*]] = memref.alloca() {alignment = 64 : i64} : memref<6x16xf32>
// CHECK-DAG: %[[KEY:.*]] = memref.alloca() {alignment = 64 : i64} : memref<16x24xf32>
// CHECK-DAG: %[[VALUE:.*]] = memref.alloca() {alignment = 64 : i64} : memref<24x8xf32>
// CHECK-DAG: %[[SCORES:.*]] = memref.alloca() {alignment = 64 : i64} : memref<3x24xf32>
// CHECK-DAG: %[[OUTPUT:.*]] = memref.alloca() {alignment = 64 : i64} : memref<6x8xf32>

// The tile of keys is transposed, four by four.
// CHECK: scf.for
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-4: vector.load %{{.*}} : memref<1x?x2x16xf16>, vector<4xf16>
// CHECK: vector.shuffle
// CHECK-COUNT-4: vector.store %{{.*}}, %[[KEY]][

// Three rows times two vectors of keys, summed up in registers.
// CHECK: scf.for
// CHECK: scf.for
// CHECK: %{{.*}}:6 = scf.for
// CHECK-SAME: -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>)
// CHECK-COUNT-2: vector.load %[[KEY]]
// CHECK: memref.load %[[QUERY]]
// CHECK: vector.broadcast
// CHECK-COUNT-2: vector.fma
// CHECK: memref.load %[[QUERY]]
// CHECK: vector.broadcast
// CHECK-COUNT-2: vector.fma
// CHECK: memref.load %[[QUERY]]
// CHECK: vector.broadcast
// CHECK-COUNT-2: vector.fma
// CHECK-COUNT-6: vector.store %{{.*}}, %[[SCORES]]

// Only a tile that ends early has a test; the maximum grows with the scores.
// CHECK: scf.if
// CHECK: vector.create_mask
// CHECK: arith.cmpf ogt
// CHECK: else
// CHECK-NOT: vector.create_mask
// CHECK: arith.cmpf ogt

// Weights take the place of scores.
// CHECK: scf.for
// CHECK: vector.load %[[SCORES]]
// CHECK: arith.shli %{{.*}} : vector<4xi32>
// CHECK: vector.store %{{.*}}, %[[SCORES]]

// And multiply values, on top of the output so far.
// CHECK: vector.load %[[OUTPUT]]
// CHECK: %{{.*}}:6 = scf.for
// CHECK-COUNT-2: vector.load %[[VALUE]]
// CHECK: memref.load %[[SCORES]]
// CHECK: vector.fma
// CHECK: vector.store %{{.*}}, %[[OUTPUT]]
// CHECK-NOT: mfa.masked_attention
func.func @plain(%q: memref<1x?x2x16xf16>, %k: memref<1x?x2x16xf16>,
                 %v: memref<1x?x2x8xf16>, %o: memref<1x?x2x8xf16>) {
  mfa.masked_attention
      ins(%q, %k, %v : memref<1x?x2x16xf16>, memref<1x?x2x16xf16>, memref<1x?x2x8xf16>)
      outs(%o : memref<1x?x2x8xf16>) schedule(#schedule)
  return
}

// -----

// Of five vectors of values, the last is summed up with the four before it: by itself it
// has so few sums that their products wait for each other.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 4, tile_keys = 32, lanes = 8,
                          register_rows = 4, register_columns = 4>

// CHECK-LABEL: func.func @five_vectors(
// CHECK-DAG: %[[VALUE:.*]] = memref.alloca() {alignment = 64 : i64} : memref<32x40xf32>
// CHECK-DAG: %[[OUTPUT:.*]] = memref.alloca() {alignment = 64 : i64} : memref<4x40xf32>
// CHECK: %{{.*}}:16 = scf.for
// CHECK-COUNT-16: vector.fma
// CHECK-COUNT-20: vector.load %[[OUTPUT]]
// CHECK: %{{.*}}:20 = scf.for
// CHECK-COUNT-5: vector.load %[[VALUE]]
// CHECK-COUNT-20: vector.fma
// CHECK-COUNT-20: vector.store %{{.*}}, %[[OUTPUT]]
func.func @five_vectors(%q: memref<1x?x2x8xf32>, %v: memref<1x?x2x40xf32>,
                        %o: memref<1x?x2x40xf32>) {
  mfa.masked_attention
      ins(%q, %q, %v : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x40xf32>)
      outs(%o : memref<1x?x2x40xf32>) schedule(#schedule)
  return
}

// -----

// Where 16 registers have no room for that, it is by itself.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 6, tile_keys = 16, lanes = 8,
                          register_rows = 6, register_columns = 2>

// CHECK-LABEL: func.func @three_vectors(
// CHECK-DAG: %[[VALUE:.*]] = memref.alloca() {alignment = 64 : i64} : memref<16x24xf32>
// CHECK-DAG: %[[OUTPUT:.*]] = memref.alloca() {alignment = 64 : i64} : memref<6x24xf32>
// CHECK-COUNT-12: vector.load %[[OUTPUT]]
// CHECK: %{{.*}}:12 = scf.for
// CHECK-COUNT-12: vector.store %{{.*}}, %[[OUTPUT]]
// CHECK-COUNT-6: vector.load %[[OUTPUT]]
// CHECK: %{{.*}}:6 = scf.for
// CHECK-COUNT-6: vector.store %{{.*}}, %[[OUTPUT]]
func.func @three_vectors(%q: memref<1x?x2x8xf32>, %v: memref<1x?x2x24xf32>,
                         %o: memref<1x?x2x24xf32>) {
  mfa.masked_attention
      ins(%q, %q, %v : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x24xf32>)
      outs(%o : memref<1x?x2x24xf32>) schedule(#schedule)
  return
}

// -----

// Of a tile, the keys that any of its rows visits are copied, and no others.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 6, tile_keys = 24, lanes = 4,
                          register_rows = 3, register_columns = 2>

// CHECK-LABEL: func.func @window(
// CHECK-DAG: %[[KEY:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8x24xf32>
// CHECK-DAG: %[[VALUE:.*]] = memref.alloca() {alignment = 64 : i64} : memref<24x16xf32>
// CHECK: vector.store %{{.*}}, %[[KEY]][
// CHECK: scf.for %{{.*}} = %[[BEGIN:[0-9]+]] to %[[END:[0-9]+]] step
// CHECK: vector.store %{{.*}}, %[[VALUE]][
// CHECK-NOT: vector.store %{{.*}}, %[[KEY]][
func.func @window(%q: memref<1x?x2x8xf32>, %v: memref<1x?x2x16xf32>,
                  %o: memref<1x?x2x16xf32>) {
  mfa.masked_attention
      ins(%q, %q, %v : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x16xf32>)
      outs(%o : memref<1x?x2x16xf32>) schedule(#schedule)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %size = arith.constant 8 : index
        %d = arith.subi %i, %n : index
        %c = arith.cmpi slt, %d, %size : index
        mfa.yield %c : i1
      }
  return
}

// -----

// bf16 in pairs: each lane has two neighbours along the summed dimension.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 2, tile_keys = 32, lanes = 16,
                          register_rows = 1, register_columns = 2, dot_products = true>

// CHECK-LABEL: func.func @pairs(
// CHECK-DAG: %[[QUERY:.*]] = memref.alloca() {alignment = 64 : i64} : memref<2x32xbf16>
// CHECK-DAG: %[[KEY:.*]] = memref.alloca() {alignment = 64 : i64} : memref<16x64xbf16>
// CHECK-DAG: %[[VALUE:.*]] = memref.alloca() {alignment = 64 : i64} : memref<16x32xbf16>
// CHECK-DAG: %[[WEIGHTS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<1x32xbf16>
// CHECK: vector.load %[[QUERY]][{{.*}}] : memref<2x32xbf16>, vector<2xbf16>
// CHECK: vector.bitcast %{{.*}} : vector<2xbf16> to vector<1xi32>
// CHECK: vector.broadcast %{{.*}} : i32 to vector<16xi32>
// CHECK: x86vector.avx512.dot {{.*}} : vector<32xbf16> -> vector<16xf32>
// CHECK: x86vector.avx512.cvt.packed.f32_to_bf16 %{{.*}} : vector<16xf32> -> vector<16xbf16>
// CHECK: vector.store %{{.*}}, %[[WEIGHTS]]
// CHECK: x86vector.avx512.dot
func.func @pairs(%q: memref<1x?x2x24xbf16>, %k: memref<1x?x2x24xbf16>,
                 %v: memref<1x?x2x8xbf16>, %o: memref<1x?x2x8xbf16>) {
  mfa.masked_attention
      ins(%q, %k, %v : memref<1x?x2x24xbf16>, memref<1x?x2x24xbf16>, memref<1x?x2x8xbf16>)
      outs(%o : memref<1x?x2x8xbf16>) schedule(#schedule)
  return
}

// -----

// Ops on tensors, and those with no schedule of a CPU, stay.

// CHECK-LABEL: func.func @others(
// CHECK-COUNT-3: mfa.masked_attention
func.func @others(%q: memref<1x?x2x8xf32>, %o: memref<1x?x2x8xf32>,
                  %t: tensor<1x?x2x8xf32>) -> tensor<1x?x2x8xf32> {
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>)
      outs(%o : memref<1x?x2x8xf32>)
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>)
      outs(%o : memref<1x?x2x8xf32>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4,
                             stages = 1>)
  %0 = mfa.masked_attention
      ins(%t, %t, %t : tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>)
      outs(%t : tensor<1x?x2x8xf32>)
      schedule(#mfa.schedule<kind = cpu, tile_rows = 6, tile_keys = 24, lanes = 4,
                             register_rows = 3, register_columns = 2>)
      -> tensor<1x?x2x8xf32>
  return %0 : tensor<1x?x2x8xf32>
}

// -----

// The op's unit strides are there, whether the type says so or not.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 2, tile_keys = 8, lanes = 4,
                          register_rows = 1, register_columns = 1>

// CHECK-LABEL: func.func @open_strides(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<1x?x2x8xf32, strided<[?, ?, ?, ?], offset: ?>>
// CHECK: %[[BASE:[a-z0-9_]+]], %{{.*}} = memref.extract_strided_metadata %[[Q]]
// CHECK: memref.reinterpret_cast %[[BASE]] {{.*}} to memref<1x?x2x8xf32, strided<[?, ?, ?, 1], offset: ?>>
func.func @open_strides(%q: memref<1x?x2x8xf32, strided<[?, ?, ?, ?], offset: ?>>,
                        %o: memref<1x?x2x8xf32>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x2x8xf32, strided<[?, ?, ?, ?], offset: ?>>,
                       memref<1x?x2x8xf32, strided<[?, ?, ?, ?], offset: ?>>,
                       memref<1x?x2x8xf32, strided<[?, ?, ?, ?], offset: ?>>)
      outs(%o : memref<1x?x2x8xf32>) schedule(#schedule)
  return
}
