// Code with tile registers asks for them. Where the CPU has none the system says no.

// RUN: mfa-opt %s --mfa-to-cpu | not %run_main 2>&1 | FileCheck %s
// UNSUPPORTED: amx

llvm.func @mfaUseTileRegisters()

// CHECK: error: the system keeps tile registers (AMX) from this process: {{.+}}
func.func @main() {
  llvm.call @mfaUseTileRegisters() : () -> ()
  return
}
