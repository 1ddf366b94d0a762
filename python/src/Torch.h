//===- Torch.h - What torch means by a tensor -------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor is plain where what torch means by it is its memory: no subclass, no
// transform, trace or mode, and no lazy sign has a say. Only plain tensors are
// read here; a call on any other goes through torch's dispatcher.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_TORCH_H
#define MFA_PYTHON_TORCH_H

#include "Array.h"

namespace mfa::python {

/// While it lives, torch.compile does not follow this thread into Python: the
/// package's own functions, which a call in a compiled region may reach, are
/// nothing to be compiled, and not all that they call can be.
class DynamoPause {
public:
  DynamoPause();
  ~DynamoPause();
  DynamoPause(const DynamoPause &) = delete;
  DynamoPause &operator=(const DynamoPause &) = delete;

private:
  nb::object setEvalFrame, prior;
};

/// Finds out whether a type is torch.Tensor or a subclass, and whether its
/// instances can be plain. Imports nothing.
void inspectTorchType(nb::handle type, ArrayType &result);

/// Returns false where torch does something with each operation of the calling
/// thread: a mode of torch functions or of its dispatcher, or forward-mode
/// gradients.
bool isTorchCallPlain();

/// Different tensors among the arguments of a call: q, k, v, mask, sinks, out
/// and lse.
struct TensorList {
  static constexpr int kMaxCount = 7;
  Array *arrays[kMaxCount];
  int count = 0;

  void add(Array &array) {
    for (int i = 0; i < count; ++i)
      if (arrays[i]->object.is(array.object))
        return;
    arrays[count++] = &array;
  }
};

/// Returns true where all tensors are plain under the calling thread's
/// transforms and traces; they have been described. Throws RuntimeError for one
/// that wants gradients, and for an output that torch does not let be written.
bool arePlain(const TensorList &list);

/// Says to autograd that the memory of tensors has been written: those of the
/// arrays that are torch's.
void noteWritten(const Array &out, const Array &lse);

/// Makes an output of torch; not valid where another way must be taken.
nb::object makeTorchOutput(const Array &like, const int64_t *sizes, int rank,
                           MfaElementType type);

} // namespace mfa::python

#endif // MFA_PYTHON_TORCH_H
