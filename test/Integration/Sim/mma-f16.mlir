// RUN: %sim_lower %s | %sim_run | FileCheck %s

// A product of f16 through shared memory: cp.async, ldmatrix, mma.sync.
#shared = #gpu.address_space<workgroup>

func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %depth = arith.constant 16 : index
  %a = memref.alloc() : memref<16x16xf16>
  %b = memref.alloc() : memref<16x8xf16>
  %c = memref.alloc() : memref<16x8xf32>
  %d = memref.alloc() : memref<16x8xf32>
  scf.for %i = %c0 to %c16 step %c1 {
    scf.for %j = %c0 to %depth step %c1 {
      %v = func.call @element(%i, %j) : (index, index) -> f32
      %t = arith.truncf %v : f32 to f16
      memref.store %t, %a[%i, %j] : memref<16x16xf16>
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
      %t = arith.truncf %v : f32 to f16
      memref.store %t, %b[%i, %j] : memref<16x8xf16>
    }
  }

  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%lane, %ty, %tz) in (%nx = %c32, %ny = %c1, %nz = %c1)
             workgroup(%sa : memref<16x16xf16, #shared>, %sb : memref<16x8xf16, #shared>) {
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
    %ar = arith.divui %lane, %k2 : index
    %ah = arith.remui %lane, %k2 : index
    %ac = arith.muli %ah, %k8 : index
    %copy0 = nvgpu.device_async_copy %a[%ar, %ac], %sa[%ar, %ac], 8 : memref<16x16xf16> to memref<16x16xf16, #shared>
    %isB = arith.cmpi ult, %lane, %k16 : index
    scf.if %isB {
      %copy1 = nvgpu.device_async_copy %b[%lane, %k0], %sb[%lane, %k0], 8 : memref<16x8xf16> to memref<16x8xf16, #shared>
    }
    %group = nvgpu.device_async_create_group
    nvgpu.device_async_wait %group {numGroups = 0 : i32}
    gpu.barrier
    %lr = arith.remui %lane, %k16 : index
    %lh = arith.divui %lane, %k16 : index
    %lc = arith.muli %lh, %k8 : index
    %av = nvgpu.ldmatrix %sa[%lr, %lc] {numTiles = 4 : i32, transpose = false} : memref<16x16xf16, #shared> -> vector<4x2xf16>
    %bv = nvgpu.ldmatrix %sb[%lr, %k0] {numTiles = 2 : i32, transpose = true} : memref<16x8xf16, #shared> -> vector<2x2xf16>
    %c0v = vector.load %c[%g, %t2] : memref<16x8xf32>, vector<2xf32>
    %c1v = vector.load %c[%g8, %t2] : memref<16x8xf32>, vector<2xf32>
    %zero = arith.constant dense<0.0> : vector<2x2xf32>
    %cv0 = vector.insert %c0v, %zero[0] : vector<2xf32> into vector<2x2xf32>
    %cv = vector.insert %c1v, %cv0[1] : vector<2xf32> into vector<2x2xf32>
    %r = nvgpu.mma.sync(%av, %bv, %cv) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
    %r0 = vector.extract %r[0] : vector<2xf32> from vector<2x2xf32>
    %r1 = vector.extract %r[1] : vector<2xf32> from vector<2x2xf32>
    vector.store %r0, %d[%g, %t2] : memref<16x8xf32>, vector<2xf32>
    vector.store %r1, %d[%g8, %t2] : memref<16x8xf32>, vector<2xf32>
    gpu.terminator
  }

  // CHECK: mismatches: 0
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %count = scf.for %i = %c0 to %c16 step %c1 iter_args(%n0 = %zero) -> i64 {
    %row = scf.for %j = %c0 to %c8 step %c1 iter_args(%n1 = %n0) -> i64 {
      %init = memref.load %c[%i, %j] : memref<16x8xf32>
      %sum = scf.for %k = %c0 to %depth step %c1 iter_args(%s = %init) -> f32 {
        %x = memref.load %a[%i, %k] : memref<16x16xf16>
        %y = memref.load %b[%k, %j] : memref<16x8xf16>
        %xf = arith.extf %x : f16 to f32
        %yf = arith.extf %y : f16 to f32
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
