//===- Options.td - Command line of mfa-run ----------------*- tablegen -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "llvm/Option/OptParser.td"

/// An option with a value, written `--name value` or `--name=value`.
multiclass Value<string name, string metavar, string help, OptionGroup group> {
  def NAME : Joined<["--"], name # "=">, Group<group>, HelpText<help>,
             MetaVarName<metavar>;
  def NAME # _separate : Separate<["--"], name>, Alias<!cast<Joined>(NAME)>,
                         Group<group>;
}

def problem_group : OptionGroup<"problem">, HelpText<"PROBLEM">;
def data_group : OptionGroup<"data">, HelpText<"DATA OF THE PROBLEM">;
def program_group : OptionGroup<"program">, HelpText<"PROGRAM">;
def run_group : OptionGroup<"run">, HelpText<"WHERE AND HOW">;

defm batch : Value<"batch", "<B>", "Batches, 0 to 2147483647 (default 1)", problem_group>;
defm seq_q : Value<"seq-q", "<Sq>", "Query rows, 0 to 2147483647 (default 128)", problem_group>;
defm seq_k : Value<"seq-k", "<Sk>", "Keys, 0 to 2147483647 (default: as many as query rows)",
                   problem_group>;
defm heads : Value<"heads", "<H>", "Query heads, 1 to 2147483647 (default 1)", problem_group>;
defm kv_heads : Value<"kv-heads", "<h>",
                      "Key and value heads, a divisor of the query heads "
                      "(default: as many)", problem_group>;
defm head_dim : Value<"head-dim", "<D>",
                      "Elements of a query or key row, a multiple of 8 from 8 "
                      "to 256 (default 64)", problem_group>;
defm v_head_dim : Value<"v-head-dim", "<Dv>",
                        "Elements of a value or result row, a multiple of 8 from "
                        "8 to 256 (default: as of a query row)", problem_group>;
defm dtype : Value<"dtype", "<type>",
                   "Element type of query, key, value and result: f16 "
                   "(default), bf16 or f32", problem_group>;
defm mask : Value<"mask", "<kind>", "none (default) or dense", problem_group>;
defm mask_dtype : Value<"mask-dtype", "<type>",
                        "f16, bf16, f32 or i1 (default: as query)",
                        problem_group>;
defm mask_shape : Value<"mask-shape", "<sizes>",
                        "[B|1,Sq|1,Sk|1] or [B|1,H|1,Sq|1,Sk|1], such as "
                        "2,1,1024,1024 (default: B,Sq,Sk)", problem_group>;
defm scale : Value<"scale", "<X>", "Factor of the scores, a finite f32 (default: 1/sqrt(D))",
                   problem_group>;
defm keep : Value<"keep", "<rules>",
                  "Pairs of a query and a key that take part: causal, "
                  "causal-end, window:<keys>, window-by-head:<keys>, "
                  "prefix:<keys>, lengths, documents:<number>, "
                  "dilated:<step>, neighbours:<width>, blocks:<size> or "
                  "random:<seed>, several joined by '+'",
                  problem_group>;
defm score : Value<"score", "<functions>",
                   "What is made of the scores: softcap:<limit>, alibi or "
                   "relative-bias, one after the other joined by '+'", problem_group>;
def sinks : Flag<["--"], "sinks">, Group<problem_group>,
            HelpText<"Give each head a sink, a logit without a value">;
def lse : Flag<["--"], "lse">, Group<problem_group>,
          HelpText<"Ask for the log-sum-exp of each row as well">;
def dynamic : Flag<["--"], "dynamic">, Group<problem_group>,
              HelpText<"Leave batch, lengths, heads, scale and numbers of "
                       "rules open in the program">;

defm seed : Value<"seed", "<N>", "Seed of the random data, 0 to 2147483647 (default 0)",
                  data_group>;
defm mask_fill : Value<"mask-fill", "<fill>",
                       "random (default), zero, causal, padding, row-masked, "
                       "first-tile-masked, all-masked, -1e4, finfo-min, "
                       "mixed-inf, -1e9, 1e38 or steep", data_group>;
defm mask_true : Value<"mask-true", "<byte>",
                       "What is true in an i1 mask: a byte from 1 (default) to "
                       "255, or any: another one for each element", data_group>;
defm nan : Value<"nan", "<operand>",
                 "Put one NaN into query, key, value or mask (default: "
                 "none)", data_group>;
defm inf : Value<"inf", "<operand>",
                 "Put one infinity, of a random sign, into query, key, value or "
                 "mask (default: none)", data_group>;
defm query_factor : Value<"query-factor", "<X>",
                          "What the numbers of query are multiplied by (default "
                          "1)", data_group>;
defm key_factor : Value<"key-factor", "<X>", "The same for key", data_group>;
defm value_factor : Value<"value-factor", "<X>", "The same for value",
                          data_group>;
defm layout : Value<"layout", "<layout>",
                    "Strides of the operands: bshd (default, contiguous), "
                    "bhsd, packed-qkv, broadcast-batch or padded-rows",
                    data_group>;
defm offset : Value<"offset", "<N>",
                    "Elements between an aligned address and each operand, 0 "
                    "to 2147483647 (default 0)", data_group>;

defm entry : Value<"entry", "<name>", "Function to run", program_group>;
defm raise : Value<"raise", "<rows>",
                   "Find attention in the program and make it masked attention "
                   "first; rows without keys are then exact (as the program "
                   "has them), zero or ignored", program_group>;
defm arg : Value<"arg", "<file>",
                 "Next argument: a .npy file, or a number where the function "
                 "takes one",
                 program_group>;
defm out : Value<"out", "<file>",
                 "Next result, written as .npy; of a function without results "
                 "its last arguments", program_group>;

defm target : Value<"target", "<target>",
                    "Where to run: cpu, sim or cuda (default: cuda where a GPU "
                    "answers, else cpu)", run_group>;
defm chip : Value<"chip", "<chip>",
                  "GPU architecture to compile for, such as sm_80 or sm_90a; "
                  "the error of another lists all from sm_80 to sm_121a "
                  "(default: the GPU's own, sm_80 without a GPU)", run_group>;
defm schedule : Value<"schedule", "<attribute>",
                      "Schedule of the kernel instead of the chosen one: "
                      "'#mfa.schedule<...>'", run_group>;
defm schedules : Value<"schedules", "<file>",
                       "Table of schedules to choose GPU kernels from "
                       "(default: the one that is built in)", run_group>;
def reference : Flag<["--"], "reference">, Group<run_group>,
                HelpText<"On the CPU, go through linalg, step by step as the op "
                         "is defined, instead of vectors">;
defm threads : Value<"threads", "<N>",
                     "Threads of the CPU, 1 to 1024 (default: MFA_NUM_THREADS, "
                     "or as many as the hardware has)", run_group>;
defm f32_product : Value<"f32-product", "<kind>",
                         "How a GPU multiplies f32 matrices: tf32x3 (default) "
                         "or tf32", run_group>;
defm tile_lists : Value<"tile-lists", "<choice>",
                        "Which GPU kernels have a list of key tiles made at "
                        "each run: rules (default, for rules that read "
                        "arrays or whose tiles are no ranges), auto, always "
                        "or never", run_group>;
def tiles : Flag<["--"], "tiles">, Group<run_group>,
            HelpText<"Print how many tiles of keys the GPU kernel skips, tests, "
                     "and visits freely; without --check, --bench and "
                     "--repeat nothing else is done">;
defm emit : Value<"emit", "<stage>",
                  "Print a stage of the lowering instead of running: mfa, "
                  "linalg, vector, gpu, nvvm, llvm or ptx", run_group>;
def check : Flag<["--"], "check">, Group<run_group>,
            HelpText<"Compare with an f64 reference">;
def bench : Flag<["--"], "bench">, Group<run_group>,
            HelpText<"Measure the time of a run">;
defm bench_lock : Value<"bench-lock", "<file>",
                        "Measure while no other process does that was given "
                        "the same file, which is made where there is none",
                        run_group>;
defm repeat : Value<"repeat", "<N>",
                    "Run N times, 1 to 2147483647, and require bitwise equal "
                    "results (default 1)", run_group>;
def timing : Flag<["--"], "timing">, Group<run_group>,
             HelpText<"Print the time of each step">;
defm json : Value<"json", "<file>", "Write the results as JSON (-: on standard output)", run_group>;
defm sim_report : Value<"sim-report", "<format>",
                        "Print what simulated kernels executed: table or json",
                        run_group>;
defm problems : Value<"problems", "<file>",
                      "Run and check every problem of a table: options of a "
                      "problem on each line, '#' starts a comment", run_group>;
defm name : Value<"name", "<name>", "Name of the problem in the output",
                  problem_group>;
def help : Flag<["--"], "help">, Group<run_group>,
           HelpText<"Print this help">;
