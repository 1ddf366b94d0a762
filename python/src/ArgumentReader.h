//===- ArgumentReader.h - Read the arguments of a call ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_ARGUMENTREADER_H
#define MFA_PYTHON_ARGUMENTREADER_H

#include "Kernel.h"
#include "Operands.h"
#include "Torch.h"

namespace mfa::python {

/// Reads the arguments of a call.
class ArgumentReader {
public:
  /// Where `readsMemory`, tensors of torch are read whatever torch means by
  /// them: the caller is its dispatcher.
  explicit ArgumentReader(bool readsMemory) : readsMemory(readsMemory) {}

  /// Returns false for a tensor that torch alone can read; see readArray.
  bool read(const char *name, nb::handle object, const ReadOptions &options,
            Array &array);

  /// Reads the captures of `rules`, likewise. Throws ValueError where there are
  /// not as many as the rules have.
  bool readCaptures(const Rules &rules, nb::handle captures,
                    Operands &operands);

  /// Whether an array was one of a trace of JAX, and so was not read.
  bool hasTracer() const { return foundTracer; }

  /// Returns true where all tensors that were read are plain.
  bool arePlain() const {
    return tensors.count == 0 ||
           (isTorchCallPlain() && mfa::python::arePlain(tensors));
  }

private:
  bool readCapture(const char *name, nb::handle object, Capture &capture);

  bool readsMemory;
  bool foundTracer = false;
  TensorList tensors;
};

} // namespace mfa::python

#endif // MFA_PYTHON_ARGUMENTREADER_H
