// The help names every pass and pipeline of the project, with its options.

// RUN: mfa-opt --help | FileCheck %s

// CHECK: OVERVIEW: Masked flash attention optimizer driver
// CHECK: Available Dialects: {{.*}}mfa, mfa_gpu,

// CHECK: {{^ *}}Passes:
// CHECK: --convert-mfa-gpu-to-nvvm - Lower
// CHECK: --convert-mfa-to-gpu - Write
// CHECK-NEXT: --chip=<string> - GPU architecture
// CHECK-NEXT: --schedules=<string> - file of the table
// CHECK: --mfa-decompose-attention - Write
// CHECK: --mfa-fold-transposes - Read
// CHECK: --mfa-group-heads-as-queries - Make
// CHECK: --mfa-lower-asserts - Report
// CHECK: --mfa-lower-device-queries - Ask
// CHECK: --mfa-lower-expand-shapes - Lower
// CHECK: --mfa-lower-tensor-maps - Encode
// CHECK: --mfa-move-buffers-to-gpu -
// CHECK: --mfa-outline-parallel-loops - Run
// CHECK: --mfa-raise-attention - Find
// CHECK-NEXT: --exclusion=<number> -
// CHECK-NEXT: --report -
// CHECK-NEXT: --rows-without-keys=<value> -
// CHECK: =exact
// CHECK-NEXT: =zero
// CHECK-NEXT: =ignored
// CHECK: --shared-weights -
// CHECK: --mfa-raise-report - Say
// CHECK: --mfa-select-cpu-schedule - Attach
// CHECK-NEXT: --cpu=<string>
// CHECK: --mfa-select-schedule - Attach
// CHECK-NEXT: --chip=<string> - GPU architecture
// CHECK-NEXT: --f32-product=<value>
// CHECK-NEXT: =tf32x3
// CHECK-NEXT: =tf32
// CHECK-NEXT: --schedules=<string> - file of the table
// CHECK: --mfa-simulate-gpu -
// CHECK: --mfa-tile-attention - Split
// CHECK-NEXT: --rows=<long>

// CHECK: {{^ *}}Pass Pipelines:
// CHECK: --mfa-to-cpu - Lower
// CHECK-NEXT: --cpu=<string> - The CPU
// CHECK-NEXT: --parallel - Run
// CHECK-NEXT: --tile-rows=<long> - Query rows
// CHECK-NEXT: --vectors - Lower
// CHECK: --mfa-to-nvvm - Lower
// CHECK-NEXT: --chip=<string> - GPU architecture
// CHECK: --mfa-to-sim -
// CHECK: --chip=<string> - GPU architecture
