//===- CompilerId.cpp - Which compiler this is ----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Execution/Kernel.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include <elf.h>
#include <link.h>

using namespace llvm;

using Segment = ElfW(Phdr);

/// Looks in one loaded object for the address of this function; if it is there,
/// stores the build id that the linker gave the object (a hash of its
/// contents).
static int findBuildId(dl_phdr_info *object, size_t, void *user) {
  auto address = reinterpret_cast<ElfW(Addr)>(&findBuildId);
  auto segments = ArrayRef(object->dlpi_phdr, object->dlpi_phnum);
  bool isHere = any_of(segments, [&](const Segment &segment) {
    ElfW(Addr) begin = object->dlpi_addr + segment.p_vaddr;
    return segment.p_type == PT_LOAD && address >= begin &&
           address - begin < segment.p_memsz;
  });
  if (!isHere)
    return 0;
  for (const Segment &segment : segments) {
    if (segment.p_type != PT_NOTE)
      continue;
    const char *next =
        reinterpret_cast<const char *>(object->dlpi_addr + segment.p_vaddr);
    const char *end = next + segment.p_memsz;
    while (next + sizeof(ElfW(Nhdr)) <= end) {
      auto *note = reinterpret_cast<const ElfW(Nhdr) *>(next);
      const char *name = next + sizeof(*note);
      const char *text = name + alignTo(note->n_namesz, 4);
      if (note->n_type == NT_GNU_BUILD_ID &&
          StringRef(name, note->n_namesz) == StringRef("GNU\0", 4))
        *static_cast<std::string *>(user) =
            toHex(StringRef(text, note->n_descsz), /*LowerCase=*/true);
      next = text + alignTo(note->n_descsz, 4);
    }
  }
  return 1;
}

StringRef mfa::exec::getCompilerId() {
  static const std::string id = [] {
    std::string build;
    dl_iterate_phdr(findBuildId, &build);
    std::string text = "mfa " MFA_VERSION " build " + build +
                       " llvm " LLVM_VERSION_STRING " cpu ";
    Expected<std::string> cpu = getHostCPU();
    if (cpu)
      return text + *cpu;
    return text + toString(cpu.takeError());
  }();
  return id;
}
