// RUN: mfa-opt %s --mfa-simulate-gpu --split-input-file --verify-diagnostics

gpu.module @m {
  llvm.func @unknown_op() attributes {gpu.kernel, nvvm.kernel} {
    %0 = nvvm.read.ptx.sreg.clock : i32
    // expected-error @above {{'nvvm.read.ptx.sreg.clock' op is not simulated}}
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @asm() attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'llvm.inline_asm' op is not simulated}}
    llvm.inline_asm has_side_effects "bar.sync 0;", "" : () -> ()
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @intrinsic(%x: f32) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'llvm.call_intrinsic' op is not simulated: unknown intrinsic 'llvm.nvvm.tanh.approx.f32'}}
    %0 = llvm.call_intrinsic "llvm.nvvm.tanh.approx.f32"(%x) : (f32) -> f32
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @mma(%a: vector<2xf16>, %b: vector<2xf16>, %c: vector<2xf16>) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'nvvm.mma.sync' op is not simulated: expected f16, bf16 or tf32 multiplicands, f32 accumulators and shape m16n8}}
    %0 = nvvm.mma.sync A[%a, %a, %a, %a] B[%b, %b] C[%c, %c]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
       shape = #nvvm.shape<m = 16, n = 8, k = 16>}
      : (vector<2xf16>, vector<2xf16>, vector<2xf16>) -> !llvm.struct<(vector<2xf16>, vector<2xf16>)>
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @__nv_expf(f32) -> f32
  llvm.func @external(%x: f32) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'llvm.call' op is not simulated: the callee has no body in the module of the kernel: @__nv_expf}}
    %0 = llvm.call @__nv_expf(%x) : (f32) -> f32
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @constant_space(%p: !llvm.ptr<4>) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'llvm.load' op is not simulated: expected address space 0, 1 or 3}}
    %0 = llvm.load %p : !llvm.ptr<4> -> i32
    llvm.return
  }
}

// -----

gpu.module @m {
  // expected-error @below {{'gpu.func' op is not simulated: expected functions and globals of the llvm dialect (see convert-gpu-to-nvvm)}}
  gpu.func @early() kernel {
    gpu.return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @m {
    llvm.func @k(%x: f32) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }
  }
  func.func @host(%x: f32, %n: index) {
    // expected-error @below {{'gpu.launch_func' op is not simulated: expected 1 arguments after expanding memrefs but got 2}}
    gpu.launch_func @m::@k blocks in (%n, %n, %n) threads in (%n, %n, %n) args(%x : f32, %x : f32)
    return
  }
}

// -----

gpu.module @m {
  llvm.func @assembly(%x: i32) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'llvm.inline_asm' op is not simulated: instruction 'mov.b32'}}
    %0 = llvm.inline_asm "mov.b32 $0, $1;", "=r,r" %x : (i32) -> i32
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @text(%x: i32) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'llvm.inline_asm' op is not simulated: assembly not understood: '[%rd1];'}}
    llvm.inline_asm has_side_effects "prefetch [%rd1];", "r" %x : (i32) -> ()
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @memory(%x: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'llvm.inline_asm' op is not simulated: constraints not understood}}
    llvm.inline_asm has_side_effects "wgmma.fence.sync.aligned;", "*m" %x : (!llvm.ptr) -> ()
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @shape(%a: i64, %b: i64, %x: !llvm.struct<(i32, i32, i32, i32)>) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'nvvm.wgmma.mma_async' op is not simulated: expected a product of f16, bf16 or tf32 with f32 accumulators, 64 rows and a multiple of 8 columns up to 256}}
    %0 = nvvm.wgmma.mma_async %a, %b, %x, <m = 64, n = 8, k = 32>, D [<s32>, <zero>], A [<s8>, <one>, <row>], B [<s8>, <one>, <col>] : !llvm.struct<(i32, i32, i32, i32)> -> !llvm.struct<(i32, i32, i32, i32)>
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @pair(%d: !llvm.ptr<7>, %m: !llvm.ptr, %b: !llvm.ptr<3>, %c: i32) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'nvvm.cp.async.bulk.tensor.shared.cluster.global' op is not simulated: expected no group of blocks}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %d, %m, %b, box[%c] {group = #nvvm.cta_group<cta_1>} : !llvm.ptr<7>, !llvm.ptr
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @mapa(%p: !llvm.ptr, %rank: i32) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'nvvm.mapa' op is not simulated: expected an address in shared memory}}
    %0 = nvvm.mapa %p, %rank : !llvm.ptr -> !llvm.ptr
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @load(%p: !llvm.ptr<7>) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'llvm.load' op is not simulated: expected address space 0, 1 or 3}}
    %0 = llvm.load %p : !llvm.ptr<7> -> i32
    llvm.return
  }
}

// -----

gpu.module @m {
  llvm.func @mode(%d: !llvm.ptr<7>, %m: !llvm.ptr, %b: !llvm.ptr<3>, %c: i32, %o: i16) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'nvvm.cp.async.bulk.tensor.shared.cluster.global' op is not simulated: expected the tile mode}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %d, %m, %b, box[%c, %c, %c] im2col[%o] {mode = #nvvm.tma_load_mode<im2col>} : !llvm.ptr<7>, !llvm.ptr
    llvm.return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @m {
    llvm.func @k(%map: !llvm.ptr {llvm.byval = !llvm.array<16 x i64>, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }
  }
  func.func @host(%map: i64, %n: index) {
    // expected-error @below {{'gpu.launch_func' op is not simulated: expected '!llvm.array<16 x i64>' or a pointer to it but got 'i64'}}
    gpu.launch_func @m::@k blocks in (%n, %n, %n) threads in (%n, %n, %n) args(%map : i64)
    return
  }
}
