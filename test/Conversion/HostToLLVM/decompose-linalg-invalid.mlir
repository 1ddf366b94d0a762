// RUN: mfa-opt %s --mfa-decompose-linalg --split-input-file --verify-diagnostics

func.func @token(%x: tensor<4x?x!gpu.async.token>, %o: tensor<4x?x!gpu.async.token>) -> tensor<4x?x!gpu.async.token> {
  // expected-error @+1 {{expected elements of a float type, but got '!gpu.async.token'}}
  %0 = linalg.softmax dimension(1) ins(%x : tensor<4x?x!gpu.async.token>)
         outs(%o : tensor<4x?x!gpu.async.token>) -> tensor<4x?x!gpu.async.token>
  return %0 : tensor<4x?x!gpu.async.token>
}

// -----

func.func @integers(%x: tensor<4x8xi32>, %o: tensor<4x8xi32>) -> tensor<4x8xi32> {
  // expected-error @+1 {{expected elements of a float type, but got 'i32'}}
  %0 = linalg.softmax dimension(1) ins(%x : tensor<4x8xi32>) outs(%o : tensor<4x8xi32>) -> tensor<4x8xi32>
  return %0 : tensor<4x8xi32>
}

// -----

func.func @buffers(%x: memref<4x8xindex>, %o: memref<4x8xindex>) {
  // expected-error @+1 {{expected elements of a float type, but got 'index'}}
  linalg.softmax dimension(1) ins(%x : memref<4x8xindex>) outs(%o : memref<4x8xindex>)
  return
}
