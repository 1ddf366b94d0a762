//===- ArgumentReader.cpp - Read the arguments of a call ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArgumentReader.h"

#include <nanobind/stl/string.h>

using namespace mfa::python;

bool ArgumentReader::read(const char *name, nb::handle object,
                          const ReadOptions &options, Array &array) {
  if (!readArray(name, object, options, readsMemory, array))
    return false;
  if (array.type->isTorch && !readsMemory)
    tensors.add(array);
  return true;
}

//===----------------------------------------------------------------------===//
// Captures
//===----------------------------------------------------------------------===//

// They are any number, and are inspected at once.
bool ArgumentReader::readCapture(const char *name, nb::handle object,
                                 Capture &capture) {
  capture.name = name;
  if (PyFloat_Check(object.ptr())) {
    capture.number = PyFloat_AsDouble(object.ptr());
    return true;
  }
  if (PyLong_Check(object.ptr())) {
    capture.isInteger = true;
    capture.integer = PyLong_AsLongLong(object.ptr());
    if (capture.integer == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      throwError(PyExc_ValueError,
                 std::string(name) +
                     ": expected an integer of 64 bits but got " +
                     nb::cast<std::string>(nb::str(object)));
    }
    return true;
  }
  Array &array = capture.array;
  if (!readArray(name, object,
                 {0, 4, /*allowBool=*/true, /*isOutput=*/false,
                  /*allowIntegers=*/true},
                 readsMemory, array))
    return false;
  if (!array.type->isTorch || readsMemory)
    return true;
  TensorList own;
  own.add(array);
  return isTorchCallPlain() && mfa::python::arePlain(own);
}

bool ArgumentReader::readCaptures(const Rules &rules, nb::handle captures,
                                  Operands &operands) {
  auto values = nb::cast<nb::tuple>(captures);
  if (values.size() != rules.names.size())
    throwError(PyExc_ValueError, "expected " +
                                     std::to_string(rules.names.size()) +
                                     " captures, as the rules have, but got " +
                                     std::to_string(values.size()));
  operands.captures.resize(values.size());
  for (size_t index = 0; index < values.size(); ++index)
    if (!readCapture(rules.names[index].c_str(), values[index],
                     operands.captures[index]))
      return false;
  return true;
}

static std::string describeParameter(MfaElementType type, int64_t rank) {
  if (rank < 0)
    return type == MfaElementI64 ? "an integer" : "a number";
  return "an array of " + std::string(getTypeName(type)) + " of rank " +
         std::to_string(rank);
}

void mfa::python::checkCaptures(const Kernel &kernel, bool hasLSE,
                                Operands &operands) {
  // They are in front of the outputs.
  intptr_t first = mfaKernelGetNumParameters(kernel.handle) - (hasLSE ? 2 : 1) -
                   static_cast<intptr_t>(operands.captures.size());
  for (size_t index = 0; index < operands.captures.size(); ++index) {
    Capture &capture = operands.captures[index];
    MfaParameter parameter = mfaKernelGetParameter(
        kernel.handle, first + static_cast<intptr_t>(index));
    int64_t rank = capture.isArray() ? capture.array.rank : -1;
    MfaElementType type = capture.isArray()   ? capture.array.elementType
                          : capture.isInteger ? MfaElementI64
                                              : MfaElementF32;
    // An integer is a number, too.
    if (rank < 0 && parameter.rank < 0 && capture.isInteger &&
        parameter.elementType == MfaElementF32) {
      capture.number = static_cast<double>(capture.integer);
      continue;
    }
    if (rank != parameter.rank || type != parameter.elementType)
      throwError(PyExc_TypeError,
                 std::string(capture.name) + ": expected " +
                     describeParameter(parameter.elementType, parameter.rank) +
                     ", for which the rules were written, but got " +
                     describeParameter(type, rank));
  }
}
