# Targets shared by every library and tool of the project.

# mfa_export(NAME...): targets that programs which embed the project link, from
# the build tree or after installation, by find_package(MFA).
function(mfa_export)
  foreach(name ${ARGN})
    target_include_directories(${name} INTERFACE
      "$<BUILD_INTERFACE:${MFA_SOURCE_DIR}/include>"
      "$<BUILD_INTERFACE:${MFA_BINARY_DIR}/include>"
      "$<INSTALL_INTERFACE:include>")
    install(TARGETS ${name} EXPORT MFATargets)
  endforeach()
endfunction()

# How MLIR and LLVM are linked, decided once: the two shared libraries in a
# development build, the static archives in a self-contained one. The two must
# never meet in one process (TypeIDs would be duplicated).
add_library(mfa_upstream INTERFACE)
# Serialized kernels name the build that made them by it.
target_link_options(mfa_upstream INTERFACE -Wl,--build-id)
if(MFA_STATIC)
  include(StaticMLIR)
  target_link_libraries(mfa_upstream INTERFACE mfa_static_mlir)
else()
  target_link_libraries(mfa_upstream INTERFACE MLIR LLVM)
endif()
mfa_export(mfa_upstream)

# mfa_stay_loaded(NAME): a shared library whose threads outlive the calls that
# start them, or whose functions the C library calls when the process forks:
# who closes it would take its code from under them. It stays in memory.
function(mfa_stay_loaded name)
  target_link_options(${name} PRIVATE "LINKER:-z,nodelete")
endfunction()

# mfa_compile_options(NAME): how sources that include MLIR's headers are
# compiled.
function(mfa_compile_options name)
  target_compile_options(${name} PRIVATE
    -fvisibility-inlines-hidden -Wall -Wextra -Wno-unused-parameter
    $<$<BOOL:${MFA_WERROR}>:-Werror>)
  if(NOT LLVM_ENABLE_EH)
    target_compile_options(${name} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
  endif()
  if(NOT LLVM_ENABLE_RTTI)
    target_compile_options(${name} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
  endif()
  target_compile_definitions(${name} PRIVATE ${LLVM_DEFINITIONS_LIST})
endfunction()

# The headers that nearly every source includes, compiled once, and once more
# with those of the GPU dialects: a source reads these in 10 s, and the compiled
# header in one, but the latter takes long to make. So that nothing waits for it
# that does without, there are two.
# Written once: a newer file would mean to compile everything again.
file(CONFIGURE OUTPUT "${MFA_BINARY_DIR}/pch.cpp" CONTENT "")
set(MFA_PCH_HEADERS
  <mlir/Dialect/Arith/IR/Arith.h>
  <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/Dialect/MemRef/IR/MemRef.h>
  <mlir/Dialect/SCF/IR/SCF.h>
  <mlir/IR/Builders.h>
  <mlir/IR/BuiltinTypes.h>
  <mlir/Pass/Pass.h>
  <mlir/Transforms/DialectConversion.h>)
function(mfa_add_pch name)
  add_library(${name} OBJECT "${MFA_BINARY_DIR}/pch.cpp")
  mfa_compile_options(${name})
  target_precompile_headers(${name} PRIVATE ${MFA_PCH_HEADERS} ${ARGN})
endfunction()
mfa_add_pch(mfa_gpu_pch
  <mlir/Dialect/GPU/IR/GPUDialect.h>
  <mlir/Dialect/LLVMIR/LLVMDialect.h>
  <mlir/Dialect/LLVMIR/NVVMDialect.h>)
mfa_add_pch(mfa_pch)

# mfa_add_library(NAME [GPU] source... [DEPENDS tablegen...] [LINK_LIBS lib...])
#
# GPU: most of the sources include headers of the GPU dialects.
function(mfa_add_library name)
  cmake_parse_arguments(ARG "GPU" "" "DEPENDS;LINK_LIBS" ${ARGN})
  set(pch mfa_pch)
  if(ARG_GPU)
    set(pch mfa_gpu_pch)
  endif()
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  mfa_compile_options(${name})
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS} mfa_upstream)
  target_precompile_headers(${name} REUSE_FROM ${pch})
  mfa_export(${name})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# mfa_add_tool(NAME source... [LINK_LIBS lib...])
#
# Tools are built before check-mfa runs, as is every target in the global
# property MFA_TEST_DEPENDS (shared libraries that tests load).
function(mfa_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  # The precompiled header is built with -fPIC; CMake would pass -fPIE here.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  mfa_compile_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} mfa_upstream)
  target_precompile_headers(${name} REUSE_FROM mfa_pch)
  install(TARGETS ${name})
  set_property(GLOBAL APPEND PROPERTY MFA_TEST_DEPENDS ${name})
endfunction()
