# The target mfa_static_mlir: all that a tool needs of MLIR and LLVM, the C++
# runtime included, so that the executable depends on libc and libm alone.
#
# The imported targets MLIR* each bring the target LLVM, which is libLLVM.so, so
# the archives are named here themselves.

find_program(MFA_LLVM_CONFIG llvm-config
  HINTS "${LLVM_TOOLS_BINARY_DIR}" NO_DEFAULT_PATH REQUIRED)

# Archives that only tests, the C API and the JIT's command line need; the last
# has a main of its own.
file(GLOB mfa_mlir_archives "${LLVM_LIBRARY_DIR}/libMLIR*.a")
list(FILTER mfa_mlir_archives EXCLUDE REGEX
  "/libMLIR([^/]*Test[^/]*|CAPI[^/]*|JitRunner)\\.a$")
if(NOT mfa_mlir_archives)
  message(FATAL_ERROR "no static libraries of MLIR in ${LLVM_LIBRARY_DIR}")
endif()

execute_process(
  COMMAND "${MFA_LLVM_CONFIG}" --link-static --libfiles
    # Code generation for the host and for NVIDIA GPUs.
    x86 nvptx orcjit jitlink perfjitevents
    # What MLIR's translations and dialects refer to.
    passes ipo irreader bitwriter option frontendopenmp
  OUTPUT_VARIABLE mfa_llvm_archives
  OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(mfa_llvm_archives UNIX_COMMAND "${mfa_llvm_archives}")

# MLIR initialises every target that its LLVM was built with. Those that are
# left out get functions that do nothing, and stay unknown.
set(mfa_left_out ${LLVM_TARGETS_TO_BUILD})
list(REMOVE_ITEM mfa_left_out X86 NVPTX)
set(mfa_left_out_source "")
foreach(target ${mfa_left_out})
  foreach(part Target TargetInfo TargetMC AsmPrinter AsmParser)
    string(APPEND mfa_left_out_source
      "void LLVMInitialize${target}${part}(void) {}\n")
  endforeach()
endforeach()
file(CONFIGURE OUTPUT "${MFA_BINARY_DIR}/targets-left-out.c"
  CONTENT "${mfa_left_out_source}" @ONLY)
add_library(mfa_targets_left_out STATIC
  "${MFA_BINARY_DIR}/targets-left-out.c")

foreach(library zstd z)
  find_library(MFA_STATIC_${library} lib${library}.a REQUIRED
    DOC "Static ${library}, used by LLVM's object files")
endforeach()

add_library(mfa_static_mlir INTERFACE)
target_link_libraries(mfa_static_mlir INTERFACE
  -Wl,--start-group ${mfa_mlir_archives} -Wl,--end-group
  ${mfa_llvm_archives}
  mfa_targets_left_out
  ${MFA_STATIC_zstd} ${MFA_STATIC_z}
  m ${CMAKE_DL_LIBS})
target_link_options(mfa_static_mlir INTERFACE
  -static-libstdc++ -static-libgcc -no-pie
  -Wl,--gc-sections -Wl,--strip-all -Wl,--exclude-libs,ALL)
