// RUN: not mfa-opt %s --mfa-analyze-key-tiles=rows=0 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not mfa-opt %s --mfa-analyze-key-tiles=keys=4097 2>&1 | FileCheck %s --check-prefix=KEYS
// ROWS: error: mfa-analyze-key-tiles: expected rows to be from 1 to 4096 but got 0
// KEYS: error: mfa-analyze-key-tiles: expected keys to be from 1 to 4096 but got 4097
module {}
