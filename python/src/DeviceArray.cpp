//===- DeviceArray.cpp - GPU memory for another library -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceArray.h"
#include "Array.h"
#include "mfa/Runtime/CUDADriver.h"

#include <memory>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <vector>

using namespace mfa::python;
using namespace mfa::runtime;

/// Throws RuntimeError for a failed driver call.
static void check(const CUDAStatus &status) {
  if (status)
    throwError(PyExc_RuntimeError, status->message());
}

static const CUDADriver &getDriver() {
  CUDAError error;
  const CUDADriver *driver = CUDADriver::get(&error);
  if (!driver)
    throwError(PyExc_RuntimeError, error.message());
  return *driver;
}

namespace {
/// Memory of a GPU with the event after which it holds the output.
struct Memory {
  const CUDADriver &driver;
  int device;
  CUdeviceptr address = 0;
  CUevent ready = nullptr;
  std::vector<int64_t> sizes, strides;
  dlpack::DataType dtype = {};
  /// The inputs: kernels may read them until the memory is freed, which waits
  /// for all work of the GPU.
  nb::object inputs;

  Memory(const CUDADriver &driver, int device)
      : driver(driver), device(device) {}
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  ~Memory() {
    // A forked process has the object, but not the memory.
    if (CUDADriver::get()) {
      ContextScope scope(driver, device);
      if (address)
        driver->cuMemFree(address);
      if (ready)
        driver->cuEventDestroy(ready);
    }
    // The library that has the memory may let go of it in any thread, and after
    // the interpreter has ended, when nothing of Python can be released.
    PyObject *object = inputs.release().ptr();
    if (!object || !Py_IsInitialized())
      return;
    PyGILState_STATE state = PyGILState_Ensure();
    Py_DECREF(object);
    PyGILState_Release(state);
  }
};

/// DLPack's unversioned tensor, the form that every library reads.
struct ManagedTensor {
  dlpack::Tensor tensor;
  void *manager;
  void (*deleter)(ManagedTensor *self);
};

class DeviceArray {
public:
  DeviceArray(nb::tuple shape, const std::string &dtype, int device)
      : type(dtype) {
    const CUDADriver &driver = getDriver();
    memory = std::make_unique<Memory>(driver, device);
    for (nb::handle size : shape)
      memory->sizes.push_back(nb::cast<int64_t>(size));
    memory->strides.resize(memory->sizes.size());
    int64_t count = 1;
    for (size_t dim = memory->sizes.size(); dim-- > 0;) {
      memory->strides[dim] = count;
      count *= memory->sizes[dim];
    }
    bool isF32 = dtype == "f32";
    memory->dtype.code = dtype == "bf16" ? dlpack::BFloat : dlpack::Float;
    memory->dtype.bits = isF32 ? 32 : 16;
    memory->dtype.lanes = 1;

    ContextScope scope(driver, device);
    check(scope.getError());
    size_t bytes = static_cast<size_t>(count) * (isF32 ? 4 : 2);
    if (bytes)
      check(driver.check("cuMemAlloc",
                         driver->cuMemAlloc(&memory->address, bytes)));
    check(driver.check(
        "cuEventCreate",
        driver->cuEventCreate(&memory->ready, CU_EVENT_DISABLE_TIMING)));
  }

  const std::string &getType() { return type; }
  uintptr_t getAddress() { return getMemory().address; }
  const std::vector<int64_t> &getSizes() { return getMemory().sizes; }

  /// Says that the work in `stream` up to here writes the array and reads
  /// `inputs`.
  void markWritten(uintptr_t stream, nb::object inputs) {
    Memory &memory = getMemory();
    ContextScope scope(memory.driver, memory.device);
    check(scope.getError());
    check(memory.driver.check(
        "cuEventRecord",
        memory.driver->cuEventRecord(memory.ready,
                                     reinterpret_cast<CUstream>(stream))));
    memory.inputs = std::move(inputs);
  }

  nb::tuple getDLPackDevice() {
    return nb::make_tuple(static_cast<int>(dlpack::CUDA), getMemory().device);
  }

  /// Hands the memory over. The consumer's stream waits for the output.
  nb::object toDLPack(nb::handle stream, const nb::kwargs &) {
    Memory &owned = getMemory();
    {
      ContextScope scope(owned.driver, owned.device);
      check(scope.getError());
      // 1 and 2 are the default streams, as in the CUDA runtime; -1 asks for no
      // synchronisation.
      int64_t number = stream.is_none() ? 0 : nb::cast<int64_t>(stream);
      if (number != -1)
        check(owned.driver.check(
            "cuStreamWaitEvent",
            owned.driver->cuStreamWaitEvent(reinterpret_cast<CUstream>(number),
                                            owned.ready, /*flags=*/0)));
    }
    auto managed = std::make_unique<ManagedTensor>();
    managed->tensor = {reinterpret_cast<void *>(owned.address),
                       {dlpack::CUDA, owned.device},
                       static_cast<int32_t>(owned.sizes.size()),
                       owned.dtype,
                       owned.sizes.data(),
                       owned.strides.data(),
                       /*byteOffset=*/0};
    managed->manager = memory.release();
    managed->deleter = [](ManagedTensor *self) {
      delete static_cast<Memory *>(self->manager);
      delete self;
    };
    return nb::steal(PyCapsule_New(managed.release(), kName, freeUnused));
  }

private:
  static constexpr const char *kName = "dltensor";

  /// Frees what no consumer took: one that does renames the capsule.
  static void freeUnused(PyObject *capsule) {
    if (!PyCapsule_IsValid(capsule, kName))
      return;
    auto *managed =
        static_cast<ManagedTensor *>(PyCapsule_GetPointer(capsule, kName));
    managed->deleter(managed);
  }

  Memory &getMemory() {
    if (!memory)
      throwError(PyExc_RuntimeError, "the array has been handed over already");
    return *memory;
  }

  std::string type;
  std::unique_ptr<Memory> memory;
};
} // namespace

void mfa::python::bindDeviceArray(nb::module_ &m) {
  nb::class_<DeviceArray>(m, "DeviceArray")
      .def(nb::init<nb::tuple, const std::string &, int>(), nb::arg("shape"),
           nb::arg("dtype"), nb::arg("device"))
      .def_prop_ro("dtype", &DeviceArray::getType)
      .def_prop_ro("address", &DeviceArray::getAddress)
      .def_prop_ro("shape",
                   [](DeviceArray &self) {
                     return nb::tuple(nb::cast(self.getSizes()));
                   })
      .def("mark_written", &DeviceArray::markWritten, nb::arg("stream"),
           nb::arg("inputs"))
      .def("__dlpack_device__", &DeviceArray::getDLPackDevice)
      .def("__dlpack__", &DeviceArray::toDLPack,
           nb::arg("stream").none() = nb::none(), nb::arg("options"));
}
