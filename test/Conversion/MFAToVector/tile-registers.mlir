// Products of bf16 in tile registers: 16 rows of 32 dimensions or keys by 32 of 16 sums.

// RUN: mfa-opt %s --convert-mfa-to-vector | FileCheck %s
// RUN: mfa-opt %s --mfa-to-cpu=cpu=sapphirerapids | mlir-translate --mlir-to-llvmir \
// RUN:   | opt -O3 -mtriple=x86_64-linux-gnu -mcpu=sapphirerapids \
// RUN:   | llc -mtriple=x86_64-linux-gnu -mcpu=sapphirerapids -filetype=asm \
// RUN:   | FileCheck %s --check-prefix=ASM
// RUN: mfa-opt %s --mfa-to-cpu='cpu=sapphirerapids parallel=false' | FileCheck %s --check-prefix=CALL
// REQUIRES: x86, lli

#schedule = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16,
                          register_rows = 32, register_columns = 2,
                          dot_products = true, matrix_products = true>

// What is behind the 40 dimensions and the last key is 0 up to a step of 32.

// CHECK-LABEL: func.func @attend(
// CHECK-DAG: %[[QUERY:.*]] = memref.alloca() {alignment = 64 : i64} : memref<64x64xbf16>
// CHECK-DAG: %[[KEY:.*]] = memref.alloca() {alignment = 64 : i64} : memref<32x128xbf16>
// CHECK-DAG: %[[VALUE:.*]] = memref.alloca() {alignment = 64 : i64} : memref<32x96xbf16>
// CHECK-DAG: %[[SCORES:.*]] = memref.alloca() {alignment = 64 : i64} : memref<32x64xf32>
// CHECK-DAG: %[[WEIGHTS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<32x64xbf16>
// CHECK-DAG: %[[OUTPUT:.*]] = memref.alloca() {alignment = 64 : i64} : memref<64x48xf32>
// CHECK-DAG: %[[FACTORS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<32xf32>
// CHECK-COUNT-4: amx.tile_zero : !amx.tile<16x16xf32>
// CHECK: %[[SUMS:.*]]:4 = scf.for %{{.*}} = %c0{{[_0-9]*}} to %c32{{[_0-9]*}} step %c16{{[_0-9]*}} iter_args
// CHECK-COUNT-2: amx.tile_load %[[KEY]][{{.*}}] : memref<32x128xbf16> into !amx.tile<16x32xbf16>
// CHECK: amx.tile_load %[[QUERY]][{{.*}}] : memref<64x64xbf16> into !amx.tile<16x32xbf16>
// CHECK-COUNT-2: amx.tile_mulf {{.*}} : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
// CHECK: amx.tile_load %[[QUERY]]
// CHECK-COUNT-2: amx.tile_mulf
// CHECK: amx.tile_store %[[SCORES]][{{.*}}], %[[SUMS]]#0
// CHECK-COUNT-3: amx.tile_store %[[SCORES]]
// CHECK: x86vector.avx512.cvt.packed.f32_to_bf16
// CHECK: vector.store %{{.*}}, %[[WEIGHTS]]

// The output is scaled in memory, and all 48 columns of it are summed up: 32, and 16.

// CHECK: memref.load %[[FACTORS]]
// CHECK: vector.load %[[OUTPUT]]
// CHECK: vector.store %{{.*}}, %[[OUTPUT]]
// CHECK-COUNT-4: amx.tile_load %[[OUTPUT]][{{.*}}] : memref<64x48xf32> into !amx.tile<16x16xf32>
// CHECK: %{{.*}}:4 = scf.for
// CHECK-COUNT-2: amx.tile_load %[[VALUE]]
// CHECK: amx.tile_load %[[WEIGHTS]]
// CHECK-COUNT-4: amx.tile_store %[[OUTPUT]]
// CHECK-COUNT-2: amx.tile_load %[[OUTPUT]]
// CHECK: %{{.*}}:2 = scf.for
// CHECK: amx.tile_load %[[VALUE]]
// CHECK-COUNT-2: amx.tile_store %[[OUTPUT]]
// CHECK-NOT: mfa.masked_attention

// Tiles are configured, and stay in registers where they are summed up.

// ASM-LABEL: attend_parallel:
// ASM: ldtilecfg
// ASM: tilezero
// ASM: tdpbf16ps
// ASM: tilestored
// ASM: tilerelease
// ASM-LABEL: attend:
// ASM: callq mfaUseTileRegisters
// ASM: callq mfaParallelFor

// CALL-NOT: mfaParallelFor
// CALL: llvm.call @mfaUseTileRegisters() : () -> ()
func.func @attend(%q: memref<1x?x2x40xbf16>, %k: memref<1x?x2x40xbf16>,
                  %v: memref<1x?x2x48xbf16>, %o: memref<1x?x2x48xbf16>) {
  mfa.masked_attention
      ins(%q, %k, %v : memref<1x?x2x40xbf16>, memref<1x?x2x40xbf16>, memref<1x?x2x48xbf16>)
      outs(%o : memref<1x?x2x48xbf16>) schedule(#schedule)
  return
}
