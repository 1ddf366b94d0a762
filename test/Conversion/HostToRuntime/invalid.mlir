// RUN: mfa-opt %s --split-input-file --verify-diagnostics --mfa-lower-asserts --mfa-outline-parallel-loops

// expected-error @below {{expected the runtime function 'mfaReportError', declared as '(!llvm.ptr) -> ()', but got another definition of that name; rename it}}
func.func @mfaReportError(%a: i1) {
  cf.assert %a, "expected true"
  return
}

// -----

// expected-error @below {{expected the runtime function 'mfaParallelFor', declared as '(index, (index, !llvm.ptr) -> (), !llvm.ptr) -> ()', but got another definition of that name; rename it}}
func.func @mfaParallelFor(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
  }
  return
}
