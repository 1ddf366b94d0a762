// RUN: mfa-opt %s --convert-mfa-to-vector --split-input-file | FileCheck %s
// RUN: mfa-opt %s --convert-mfa-to-vector --split-input-file | FileCheck %s --check-prefix=DIRECT

#schedule = #mfa.schedule<kind = cpu, tile_rows = 8, tile_keys = 16, lanes = 8,
                          register_rows = 2, register_columns = 1>

// Whether the elements of a mask are side by side is asked where its type leaves it
// open: of those of 16 bits a whole vector is a plain load.

// CHECK-LABEL: func.func @open_stride(
// CHECK-SAME: %[[MASK:[a-z0-9]+]]: memref<1x?x?xf16, strided<[?, ?, ?]>>
// CHECK: %{{.*}}, %{{.*}}, %{{.*}}, %[[STRIDES:.*]]:3 = memref.extract_strided_metadata %[[MASK]]
// CHECK: %[[ONE:.*]] = arith.constant 1 : index
// CHECK: %[[ADJACENT:.*]] = arith.cmpi eq, %[[STRIDES]]#2, %[[ONE]]
// CHECK: scf.if %[[ADJACENT]] -> (vector<8xf16>)
// CHECK: %[[VIEW:.*]] = memref.reinterpret_cast {{.*}} to memref<1x?x?xf16, strided<[?, ?, 1]>>
// CHECK: scf.if %{{.*}} -> (vector<8xf16>)
// CHECK: vector.load %[[VIEW]]
// CHECK: else
// CHECK: vector.maskedload %[[VIEW]]
// CHECK: else
// CHECK-COUNT-8: memref.load %[[MASK]]
// CHECK: vector.from_elements
func.func @open_stride(%q: memref<1x?x2x8xf32>, %o: memref<1x?x2x8xf32>,
                       %m: memref<1x?x?xf16, strided<[?, ?, ?]>>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>)
      mask(%m : memref<1x?x?xf16, strided<[?, ?, ?]>>)
      outs(%o : memref<1x?x2x8xf32>) schedule(#schedule)
  return
}

// -----

// Booleans are bytes, and any byte but 0 is true. The next tile's are asked for ahead.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 8, tile_keys = 16, lanes = 8,
                          register_rows = 2, register_columns = 1>

// CHECK-LABEL: func.func @booleans(
// CHECK-SAME: %[[MASK:[a-z0-9]+]]: memref<1x?x?xi1>
// CHECK: else
// CHECK: %[[BYTES:.*]] = builtin.unrealized_conversion_cast %[[MASK]] : memref<1x?x?xi1> to memref<1x?x?xi8>
// CHECK: vector.load %[[BYTES]]
// CHECK: memref.prefetch %[[MASK]][{{.*}}], read, locality<2>, data
// CHECK: arith.cmpi ne, %{{.*}} : vector<8xi8>
func.func @booleans(%q: memref<1x?x2x8xf32>, %o: memref<1x?x2x8xf32>, %m: memref<1x?x?xi1>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>)
      mask(%m : memref<1x?x?xi1>)
      outs(%o : memref<1x?x2x8xf32>) schedule(#schedule)
  return
}

// -----

// Functions of scores are computed for all lanes at once; a sine of a large number is
// the C library's. Those of `keep` stay what they are.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 2, tile_keys = 8, lanes = 4,
                          register_rows = 1, register_columns = 1>

// CHECK-LABEL: func.func @functions(
// CHECK: math.exp2 %{{.*}} : vector<4xf32>
// CHECK: else
// CHECK-NOT: math.exp2
// CHECK: %[[LARGE:.*]] = vector.reduction <or>, %{{.*}} : vector<4xi1> into i1
// CHECK: scf.if %[[LARGE]] -> (vector<4xf32>)
// CHECK: math.sin %{{.*}} : vector<4xf32>
// CHECK: else
// CHECK: vector.fma %{{.*}} : vector<4xf64>
// CHECK: arith.truncf %{{.*}} : vector<4xf64> to vector<4xf32>
// CHECK: arith.extf %{{.*}} : vector<4xf32> to vector<4xf64>
// CHECK: arith.shli %{{.*}} : vector<4xi64>
// CHECK-NOT: math.exp2
// CHECK: return
func.func @functions(%q: memref<1x?x2x8xf32>, %o: memref<1x?x2x8xf32>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>)
      outs(%o : memref<1x?x2x8xf32>) schedule(#schedule)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
        %x = math.sin %s : f32
        %y = math.exp2 %x : f32
        mfa.yield %y : f32
      }
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %n = arith.index_cast %j : index to i32
        %x = arith.sitofp %n : i32 to f32
        %y = math.exp2 %x : f32
        %c = arith.constant 9.0 : f32
        %z = arith.cmpf olt, %y, %c : f32
        mfa.yield %z : i1
      }
  return
}

// -----

// Up to two rows read keys and values where they are: a vector of sums for each of as
// many keys as there are lanes, whose lanes are summed up together.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 8, tile_keys = 16, lanes = 4,
                          register_rows = 2, register_columns = 1>

// DIRECT-LABEL: func.func @few_rows(
// DIRECT-SAME: %[[KEY:[a-z0-9]+]]: memref<1x?x2x24xf32>, %[[VALUE:[a-z0-9]+]]: memref<1x?x2x8xf32>
// DIRECT: scf.parallel
// DIRECT: %[[FEW:.*]] = arith.cmpi ule, %{{.*}}, %c2{{.*}} : index
// DIRECT: scf.if %[[FEW]]
// DIRECT-NEXT: } else {
// DIRECT: vector.load %[[KEY]]
// DIRECT: vector.load %[[VALUE]]
// DIRECT: scf.if %[[FEW]]
// DIRECT: %{{.*}}:4 = scf.for
// DIRECT-COUNT-4: memref.prefetch %[[KEY]]
// DIRECT-COUNT-16: vector.load %[[KEY]]
// DIRECT: scf.yield
// DIRECT-COUNT-8: vector.load %[[KEY]]
// DIRECT-COUNT-6: vector.shuffle
// DIRECT-NOT: vector.shuffle
// DIRECT: } else {
// DIRECT: scf.if %[[FEW]]
// DIRECT: memref.prefetch %[[VALUE]]
// DIRECT: vector.load %[[VALUE]]
// DIRECT: vector.fma
// DIRECT: } else {
func.func @few_rows(%q: memref<1x?x2x24xf32>, %k: memref<1x?x2x24xf32>, %v: memref<1x?x2x8xf32>,
                    %o: memref<1x?x2x8xf32>) {
  mfa.masked_attention
      ins(%q, %k, %v : memref<1x?x2x24xf32>, memref<1x?x2x24xf32>, memref<1x?x2x8xf32>)
      outs(%o : memref<1x?x2x8xf32>) schedule(#schedule)
  return
}

// -----

// Also where products are of pairs of bf16: elements that are read where they are become
// f32, one in a lane. Of 24 elements CPUs load 16 and 8.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 8, tile_keys = 32, lanes = 16,
                          register_rows = 2, register_columns = 1, dot_products = true>

// DIRECT-LABEL: func.func @few_rows_of_pairs(
// DIRECT-SAME: memref<1x?x2x24xbf16>, %[[KEY:[a-z0-9]+]]: memref<1x?x2x24xbf16>, %[[VALUE:[a-z0-9]+]]: memref<1x?x2x24xbf16>
// DIRECT-NOT: vector<24xbf16>
// DIRECT: %[[FEW:.*]] = arith.cmpi ule, %{{.*}}, %c2{{.*}} : index
// DIRECT: scf.if %[[FEW]]
// DIRECT-NEXT: } else {
// DIRECT: %[[LOW:.*]] = vector.load %[[KEY]]{{.*}} : memref<1x?x2x24xbf16>, vector<16xbf16>
// DIRECT: vector.insert_strided_slice %[[LOW]]
// DIRECT: %[[HIGH:.*]] = vector.load %[[KEY]]{{.*}} : memref<1x?x2x24xbf16>, vector<8xbf16>
// DIRECT: vector.insert_strided_slice %[[HIGH]], %{{.*}} {offsets = [16], strides = [1]} : vector<8xbf16> into vector<32xbf16>
// DIRECT: scf.if %[[FEW]]
// DIRECT: %[[ELEMENTS:.*]] = vector.load %[[KEY]]{{.*}} : memref<1x?x2x24xbf16>, vector<16xbf16>
// DIRECT: %[[FACTORS:.*]] = arith.extf %[[ELEMENTS]] : vector<16xbf16> to vector<16xf32>
// DIRECT: vector.fma %[[FACTORS]]
// DIRECT: } else {
// DIRECT: scf.if %[[FEW]]
// DIRECT: arith.extf %{{.*}} : bf16 to f32
// DIRECT: vector.load %[[VALUE]]{{.*}} : memref<1x?x2x24xbf16>, vector<16xbf16>
// DIRECT: vector.fma
// DIRECT-NOT: vector<24xbf16>
// DIRECT: return
func.func @few_rows_of_pairs(%q: memref<1x?x2x24xbf16>, %k: memref<1x?x2x24xbf16>,
                             %v: memref<1x?x2x24xbf16>, %o: memref<1x?x2x24xbf16>) {
  mfa.masked_attention
      ins(%q, %k, %v : memref<1x?x2x24xbf16>, memref<1x?x2x24xbf16>, memref<1x?x2x24xbf16>)
      outs(%o : memref<1x?x2x24xbf16>) schedule(#schedule)
  return
}
