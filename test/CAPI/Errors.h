//===- Errors.h - What the tests of the C API share -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Texts for the API, texts from it, and its errors.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_TEST_CAPI_ERRORS_H
#define MFA_TEST_CAPI_ERRORS_H

#include "mfa-c/Kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline MlirStringRef text(const char *string) {
  return mlirStringRefCreate(string, strlen(string));
}

/// Prints an error and destroys it; true if there was one.
static inline bool report(MfaError error) {
  if (mfaErrorIsNull(error))
    return false;
  printf("error %d: %s\n", (int)mfaErrorGetKind(error),
         mfaErrorGetMessage(error).data);
  mfaErrorDestroy(error);
  return true;
}

/// Ends this process, which may be a forked one, where there is an error.
static inline void require(MfaError error) {
  if (!report(error))
    return;
  fflush(stdout);
  _exit(1);
}

/// What the API has written so far, with a null character behind it.
struct Bytes {
  char *data;
  size_t length;
};

static inline void append(MlirStringRef part, void *user) {
  struct Bytes *bytes = user;
  bytes->data = realloc(bytes->data, bytes->length + part.length + 1);
  memcpy(bytes->data + bytes->length, part.data, part.length);
  bytes->length += part.length;
  bytes->data[bytes->length] = 0;
}

#endif // MFA_TEST_CAPI_ERRORS_H
