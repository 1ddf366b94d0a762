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
  if (!readArray(name, object, options, readsMemory, array)) {
    foundTracer |= array.type->isTraced;
    return false;
  }
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
  if (!readArray(name, object, kCaptureOptions, readsMemory, array)) {
    foundTracer |= array.type->isTraced;
    return false;
  }
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
