# MFA_SANITIZE: the project's own code under the compiler's sanitizers. LLVM stays
# what the archive's packages hold; docs/testing.md says what that forbids.
if(NOT MFA_SANITIZE)
  return()
endif()
if(MFA_STATIC)
  message(FATAL_ERROR
    "MFA_SANITIZE: expected a build that links libMLIR.so, without MFA_STATIC")
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  message(FATAL_ERROR
    "MFA_SANITIZE: expected GCC but got ${CMAKE_CXX_COMPILER_ID}")
endif()

set(mfa_sanitize_options
  "-fsanitize=${MFA_SANITIZE}" -O1 -g1 -fno-omit-frame-pointer)
if(MFA_SANITIZE MATCHES "address")
  # LLVM's headers would poison memory from which its libraries, which know
  # nothing of that, allocate as well.
  list(APPEND mfa_sanitize_options
    -U__SANITIZE_ADDRESS__ -DMFA_SANITIZE_ADDRESS)
elseif(MFA_SANITIZE MATCHES "thread")
  list(APPEND mfa_sanitize_options -DMFA_SANITIZE_THREAD)
endif()
if(MFA_SANITIZE MATCHES "undefined")
  # The first finding ends the program, as one of AddressSanitizer does. The
  # vtables of LLVM's classes have no type information.
  list(APPEND mfa_sanitize_options -fno-sanitize-recover=all -fno-sanitize=vptr)
endif()
add_compile_options(${mfa_sanitize_options})
add_link_options("-fsanitize=${MFA_SANITIZE}")
