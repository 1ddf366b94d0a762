// RUN: mfa-opt %s --mfa-lower-asserts | FileCheck %s

// CHECK-DAG: llvm.mlir.global private constant @[[PLAIN:assert_message[_0-9]*]]("expected two\00")
// CHECK-DAG: llvm.mlir.global private constant @[[FRAMED:assert_message[_0-9]*]]("expected one head (model.mlir:3:7)\00")
// CHECK-DAG: llvm.mlir.global private constant @assert_message{{[_0-9]*}}("out-of-bounds access of 'ids'\00")
// CHECK: func.func private @mfaReportError(!llvm.ptr)

// CHECK-LABEL: func.func @asserts(
// CHECK-SAME: %[[A:.*]]: i1, %[[B:.*]]: i1
// CHECK: cf.cond_br %[[A]], ^[[NEXT:bb[0-9]+]], ^[[FAIL:bb[0-9]+]]
// CHECK: ^[[NEXT]]:
// CHECK: cf.cond_br %[[B]], ^[[END:bb[0-9]+]], ^[[FAIL2:bb[0-9]+]]
// CHECK: ^[[END]]:
// CHECK: return
// CHECK: ^[[FAIL2]]:
// CHECK: %[[M2:.*]] = llvm.mlir.addressof @[[FRAMED]] : !llvm.ptr
// CHECK: call @mfaReportError(%[[M2]])
// CHECK: llvm.unreachable
// CHECK: ^[[FAIL]]:
// CHECK: %[[M1:.*]] = llvm.mlir.addressof @[[PLAIN]] : !llvm.ptr
// CHECK: call @mfaReportError(%[[M1]])
// CHECK: llvm.unreachable
func.func @asserts(%a: i1, %b: i1) {
  cf.assert %a, "expected two"
  cf.assert %b, "ERROR: Runtime op verification failed\0A^ expected one head\0ALocation: loc(unknown)" loc("model.mlir":3:7)
  return
}

// What has a name, but no place in a source, is named.
func.func @named(%a: i1) {
  cf.assert %a, "ERROR: Runtime op verification failed\0A^ out-of-bounds access\0ALocation: loc(\22ids\22)" loc("ids")
  return
}

// An assertion in structured control flow stays.

// CHECK-LABEL: func.func @structured(
// CHECK: scf.if
// CHECK-NEXT: cf.assert
func.func @structured(%a: i1, %b: i1) {
  scf.if %a {
    cf.assert %b, "inside"
  }
  return
}
