// RUN: %sim_lower %s | %sim_run | FileCheck %s

// A product of bf16 with fragments read from global memory.
#shared = #gpu.address_space<workgroup>

func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %depth = arith.constant 16 : index
  %a = memref.alloc() : memref<16x16xbf16>
  %b = memref.alloc() : memref<16x8xbf16>
  %c = memref.alloc() : memref<16x8xf32>
  %d = memref.alloc() : memref<16x8xf32>
  scf.for %i = %c0 to %c16 step %c1 {
    scf.for %j = %c0 to %depth step %c1 {
      %v = func.call @element(%i, %j) : (index, index) -> f32
      %t = func.call @toBF16(%v) : (f32) -> bf16
      memref.store %t, %a[%i, %j] : memref<16x16xbf16>
    }
    scf.for %j = %c0 to %c8 step %c1 {
      %v = func.call @element(%j, %i) : (index, index) -> f32
      memref.store %v, %c[%i, %j] : memref<16x8xf32>
    }
  }
  scf.for %i = %c0 to %depth step %c1 {
    scf.for %j = %c0 to %c8 step %c1 {
      %n = arith.addi %j, %c16 : index
      %v = func.call @element(%n, %i) : (index, index) -> f32
      %t = func.call @toBF16(%v) : (f32) -> bf16
      memref.store %t, %b[%i, %j] : memref<16x8xbf16>
    }
  }

  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%lane, %ty, %tz) in (%nx = %c32, %ny = %c1, %nz = %c1)
             workgroup(%sa : memref<16x16xbf16, #shared>, %sb : memref<16x8xbf16, #shared>) {
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k2 = arith.constant 2 : index
    %k4 = arith.constant 4 : index
    %k8 = arith.constant 8 : index
    %k16 = arith.constant 16 : index
    %g = arith.divui %lane, %k4 : index
    %t = arith.remui %lane, %k4 : index
    %t2 = arith.muli %t, %k2 : index
    %g8 = arith.addi %g, %k8 : index
    %t2b = arith.addi %t2, %k1 : index
    %t2c = arith.addi %t2, %k8 : index
    %t2d = arith.addi %t2c, %k1 : index
    %a0 = vector.load %a[%g, %t2] : memref<16x16xbf16>, vector<2xbf16>
    %aw0 = vector.bitcast %a0 : vector<2xbf16> to vector<1xi32>
    %ai0 = vector.extract %aw0[0] : i32 from vector<1xi32>
    %a1 = vector.load %a[%g8, %t2] : memref<16x16xbf16>, vector<2xbf16>
    %aw1 = vector.bitcast %a1 : vector<2xbf16> to vector<1xi32>
    %ai1 = vector.extract %aw1[0] : i32 from vector<1xi32>
    %a2 = vector.load %a[%g, %t2c] : memref<16x16xbf16>, vector<2xbf16>
    %aw2 = vector.bitcast %a2 : vector<2xbf16> to vector<1xi32>
    %ai2 = vector.extract %aw2[0] : i32 from vector<1xi32>
    %a3 = vector.load %a[%g8, %t2c] : memref<16x16xbf16>, vector<2xbf16>
    %aw3 = vector.bitcast %a3 : vector<2xbf16> to vector<1xi32>
    %ai3 = vector.extract %aw3[0] : i32 from vector<1xi32>
    %zb = arith.constant dense<0.0> : vector<2xbf16>
    %bl0 = memref.load %b[%t2, %g] : memref<16x8xbf16>
    %bh0 = memref.load %b[%t2b, %g] : memref<16x8xbf16>
    %bv0 = vector.insert %bl0, %zb[0] : bf16 into vector<2xbf16>
    %bp0 = vector.insert %bh0, %bv0[1] : bf16 into vector<2xbf16>
    %bw0 = vector.bitcast %bp0 : vector<2xbf16> to vector<1xi32>
    %bi0 = vector.extract %bw0[0] : i32 from vector<1xi32>
    %bl1 = memref.load %b[%t2c, %g] : memref<16x8xbf16>
    %bh1 = memref.load %b[%t2d, %g] : memref<16x8xbf16>
    %bv1 = vector.insert %bl1, %zb[0] : bf16 into vector<2xbf16>
    %bp1 = vector.insert %bh1, %bv1[1] : bf16 into vector<2xbf16>
    %bw1 = vector.bitcast %bp1 : vector<2xbf16> to vector<1xi32>
    %bi1 = vector.extract %bw1[0] : i32 from vector<1xi32>
    %t2n = arith.addi %t2, %k1 : index
    %c00 = memref.load %c[%g, %t2] : memref<16x8xf32>
    %c01 = memref.load %c[%g, %t2n] : memref<16x8xf32>
    %c10 = memref.load %c[%g8, %t2] : memref<16x8xf32>
    %c11 = memref.load %c[%g8, %t2n] : memref<16x8xf32>
    %r = nvvm.mma.sync A[%ai0, %ai1, %ai2, %ai3] B[%bi0, %bi1] C[%c00, %c01, %c10, %c11]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
       multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>,
       shape = #nvvm.shape<m = 16, n = 8, k = 16>}
      : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    %r00 = llvm.extractvalue %r[0] : !llvm.struct<(f32, f32, f32, f32)>
    %r01 = llvm.extractvalue %r[1] : !llvm.struct<(f32, f32, f32, f32)>
    %r10 = llvm.extractvalue %r[2] : !llvm.struct<(f32, f32, f32, f32)>
    %r11 = llvm.extractvalue %r[3] : !llvm.struct<(f32, f32, f32, f32)>
    memref.store %r00, %d[%g, %t2] : memref<16x8xf32>
    memref.store %r01, %d[%g, %t2n] : memref<16x8xf32>
    memref.store %r10, %d[%g8, %t2] : memref<16x8xf32>
    memref.store %r11, %d[%g8, %t2n] : memref<16x8xf32>
    gpu.terminator
  }

  // CHECK: mismatches: 0
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %count = scf.for %i = %c0 to %c16 step %c1 iter_args(%n0 = %zero) -> i64 {
    %row = scf.for %j = %c0 to %c8 step %c1 iter_args(%n1 = %n0) -> i64 {
      %init = memref.load %c[%i, %j] : memref<16x8xf32>
      %sum = scf.for %k = %c0 to %depth step %c1 iter_args(%s = %init) -> f32 {
        %x = memref.load %a[%i, %k] : memref<16x16xbf16>
        %y = memref.load %b[%k, %j] : memref<16x8xbf16>
        %xf = func.call @fromBF16(%x) : (bf16) -> f32
        %yf = func.call @fromBF16(%y) : (bf16) -> f32
        %p = arith.mulf %xf, %yf : f32
        %next = arith.addf %s, %p : f32
        scf.yield %next : f32
      }
      %got = memref.load %d[%i, %j] : memref<16x8xf32>
      %bad = arith.cmpf une, %sum, %got : f32
      %more = arith.addi %n1, %one : i64
      %n2 = arith.select %bad, %more, %n1 : i64
      scf.yield %n2 : i64
    }
    scf.yield %row : i64
  }
  vector.print str "mismatches: "
  vector.print %count : i64
  return
}

// A small integer that differs between neighbours.
func.func @element(%i: index, %j: index) -> f32 {
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  %c11 = arith.constant 11 : index
  %x = arith.muli %i, %c3 : index
  %y = arith.muli %j, %c5 : index
  %s = arith.addi %x, %y : index
  %m = arith.remui %s, %c11 : index
  %n = arith.index_cast %m : index to i32
  %f = arith.sitofp %n : i32 to f32
  %five = arith.constant 5.0 : f32
  %v = arith.subf %f, %five : f32
  return %v : f32
}

// Exact for the integers of this test, whatever the host knows of bf16.
func.func @toBF16(%x: f32) -> bf16 {
  %c16 = arith.constant 16 : i32
  %bits = arith.bitcast %x : f32 to i32
  %high = arith.shrui %bits, %c16 : i32
  %half = arith.trunci %high : i32 to i16
  %r = arith.bitcast %half : i16 to bf16
  return %r : bf16
}
func.func @fromBF16(%x: bf16) -> f32 {
  %c16 = arith.constant 16 : i32
  %half = arith.bitcast %x : bf16 to i16
  %low = arith.extui %half : i16 to i32
  %bits = arith.shli %low, %c16 : i32
  %r = arith.bitcast %bits : i32 to f32
  return %r : f32
}
