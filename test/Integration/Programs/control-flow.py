# RUN: %python %s mfa-run %t cpu
# RUN: %python %s mfa-run %t sim
"""Programs that carry tensors through loops, branches and calls around the op, on
the CPU and as simulated kernels, against plain Python.
"""

import math
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "Inputs"))
from npy_files import load, save  # noqa: E402

ROWS, DIM = 8, 8

HEADER = """!t = tensor<1x8x1x8xf32>
!s = tensor<1x4x1x8xf32>
"""
MAIN = "func.func @main(%q: !t, %k: !t, %v: !t) -> "
CONSTANTS = """
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
"""


def attend(result, query, destination, kind="!t", mask=""):
    return (f"%{result} = mfa.masked_attention ins(%{query}, %k, %v : {kind}, !t, !t) "
            f"{mask} outs(%{destination} : {kind}) -> {kind}\n")


def attention(q, k, v, keep=lambda i, j: True, scale=1 / math.sqrt(DIM)):
    output = []
    for i, row in enumerate(q):
        keys = [j for j in range(len(k)) if keep(i, j)]
        scores = [sum(a * b for a, b in zip(row, k[j])) * scale for j in keys]
        weights = [math.exp(s - max(scores)) for s in scores]
        output.append([sum(w * v[j][d] for w, j in zip(weights, keys)) / sum(weights)
                       for d in range(DIM)])
    return output


def repeated(q, k, v, times=3):
    for _ in range(times):
        q = attention(q, k, v)
    return q


def cached(q, k, v):
    k = [list(row) for row in k]
    output = []
    for i in range(4):
        k[i] = q[i]
        output.append(attention([q[i]], k[: i + 1], v[: i + 1])[0])
    return output, k


LOOP = "scf.for %i = %c0 to %c3 step %c1 iter_args"
SLICE = ("tensor.extract_slice %{0}[0, {1}, 0, 0] [1, 4, 1, 8] [1, 1, 1, 1] "
         ": !t to !s\n")

PROGRAMS = {
    # A new buffer in each iteration, behind one that is an argument.
    "for": (MAIN + "!t {" + CONSTANTS + "%r = " + LOOP + """(%x = %q) -> (!t) {
      %e = tensor.empty() : !t
      """ + attend("y", "x", "e") + """scf.yield %y : !t
    }
    return %r : !t }""", lambda q, k, v: [repeated(q, k, v)]),
    # Behind a view, which has another layout.
    "for_view": (MAIN + "!s {" + CONSTANTS + "%qs = " + SLICE.format("q", "2") + "%r = "
                 + LOOP + """(%x = %qs) -> (!s) {
      %e = tensor.empty() : !s
      """ + attend("y", "x", "e", "!s") + """scf.yield %y : !s
    }
    return %r : !s }""", lambda q, k, v: [repeated(q[2:6], k, v)]),
    # In place, part by part.
    "for_in_place": (MAIN + "!t {" + CONSTANTS + """%e = tensor.empty() : !t
    %r = scf.for %i = %c0 to %c8 step %c4 iter_args(%x = %e) -> (!t) {
      %qs = """ + SLICE.format("q", "%i") + "%xs = " + SLICE.format("x", "%i")
                     + attend("y", "qs", "xs", "!s")
                     + """%z = tensor.insert_slice %y into %x[0, %i, 0, 0] [1, 4, 1, 8]
               [1, 1, 1, 1] : !s into !t
      scf.yield %z : !t
    }
    return %r : !t }""", lambda q, k, v: [attention(q, k, v)]),
    # Two buffers that change places.
    "for_swap": (MAIN + "(!t, !t) {" + CONSTANTS + "%e = tensor.empty() : !t\n%r:2 = "
                 + LOOP + "(%x = %q, %o = %e) -> (!t, !t) {\n" + attend("y", "x", "o")
                 + """scf.yield %y, %x : !t, !t
    }
    return %r#0, %r#1 : !t, !t }""",
                 lambda q, k, v: [repeated(q, k, v, 3), repeated(q, k, v, 2)]),
    "for_nested": (MAIN + "!t {" + CONSTANTS + "%r = " + LOOP + """(%x = %q) -> (!t) {
      %w = scf.for %j = %c0 to %c1 step %c1 iter_args(%u = %x) -> (!t) {
        %e = tensor.empty() : !t
        """ + attend("y", "u", "e") + """scf.yield %y : !t
      }
      scf.yield %w : !t
    }
    return %r : !t }""", lambda q, k, v: [repeated(q, k, v)]),
    "for_dynamic": (MAIN + "!t {" + CONSTANTS
                    + "%d = tensor.cast %q : !t to tensor<1x?x1x8xf32>\n%r = " + LOOP
                    + """(%x = %d) -> (tensor<1x?x1x8xf32>) {
      %n = tensor.dim %x, %c1 : tensor<1x?x1x8xf32>
      %e = tensor.empty(%n) : tensor<1x?x1x8xf32>
      """ + attend("y", "x", "e", "tensor<1x?x1x8xf32>") + """scf.yield %y : tensor<1x?x1x8xf32>
    }
    %s = tensor.cast %r : tensor<1x?x1x8xf32> to !t
    return %s : !t }""", lambda q, k, v: [repeated(q, k, v)]),
    "while": (MAIN + "!t {" + CONSTANTS + """
    %r:2 = scf.while (%x = %q, %i = %c0) : (!t, index) -> (!t, index) {
      %c = arith.cmpi slt, %i, %c3 : index
      scf.condition(%c) %x, %i : !t, index
    } do {
    ^bb0(%x: !t, %i: index):
      %e = tensor.empty() : !t
      """ + attend("y", "x", "e") + """%j = arith.addi %i, %c1 : index
      scf.yield %y, %j : !t, index
    }
    return %r#0 : !t }""", lambda q, k, v: [repeated(q, k, v)]),
    # A branch that computes, one that takes a part.
    **{f"if_{length}": (
        f"func.func @main(%q: !t, %k: !t, %v: !t, %a: tensor<?xf32>) -> !s {{"
        + CONSTANTS + """%n = tensor.dim %a, %c0 : tensor<?xf32>
    %c = arith.cmpi sgt, %n, %c3 : index
    %qs = """ + SLICE.format("q", "3") + """%r = scf.if %c -> !s {
      %e = tensor.empty() : !s
      """ + attend("y", "qs", "e", "!s") + """scf.yield %y : !s
    } else {
      scf.yield %qs : !s
    }
    return %r : !s }""",
        (lambda q, k, v: [attention(q[3:7], k, v)]) if length > 3
        else (lambda q, k, v: [q[3:7]])) for length in (2, 5)},
    "switch": (MAIN + "!t {" + CONSTANTS + """
    %r = scf.for %i = %c0 to %c3 step %c1 iter_args(%x = %q) -> (!t) {
      %y = scf.index_switch %i -> !t
      case 1 {
        %e = tensor.empty() : !t
        """ + attend("z", "x", "e") + """scf.yield %z : !t
      }
      default { scf.yield %x : !t }
      scf.yield %y : !t
    }
    return %r : !t }""", lambda q, k, v: [attention(q, k, v)]),
    "forall": (MAIN + "!t {" + CONSTANTS + """%e = tensor.empty() : !t
    %r = scf.forall (%i) in (2) shared_outs(%x = %e) -> (!t) {
      %o = affine.apply affine_map<(d0) -> (d0 * 4)>(%i)
      %qs = """ + SLICE.format("q", "%o") + "%xs = " + SLICE.format("x", "%o")
               + attend("y", "qs", "xs", "!s") + """scf.forall.in_parallel {
        tensor.parallel_insert_slice %y into %x[0, %o, 0, 0] [1, 4, 1, 8] [1, 1, 1, 1]
            : !s into !t
      }
    }
    return %r : !t }""", lambda q, k, v: [attention(q, k, v)]),
    "call": ("""func.func private @layer(%x: !t, %k: !t, %v: !t) -> !t {
      %e = tensor.empty() : !t
      """ + attend("y", "x", "e") + "return %y : !t }\n" + MAIN + """!t {
    %0 = call @layer(%q, %k, %v) : (!t, !t, !t) -> !t
    %1 = call @layer(%0, %k, %v) : (!t, !t, !t) -> !t
    return %1 : !t }""", lambda q, k, v: [repeated(q, k, v, 2)]),
    # Keys are added one after another; the cache is a result as well.
    "cache": (MAIN + "(!s, !t) {" + CONSTANTS + """%e = tensor.empty() : !s
    %r:2 = scf.for %i = %c0 to %c4 step %c1 iter_args(%x = %e, %c = %k) -> (!s, !t) {
      %qs = tensor.extract_slice %q[0, %i, 0, 0] [1, 1, 1, 8] [1, 1, 1, 1]
          : !t to tensor<1x1x1x8xf32>
      %kn = tensor.insert_slice %qs into %c[0, %i, 0, 0] [1, 1, 1, 8] [1, 1, 1, 1]
          : tensor<1x1x1x8xf32> into !t
      %xs = tensor.extract_slice %x[0, %i, 0, 0] [1, 1, 1, 8] [1, 1, 1, 1]
          : !s to tensor<1x1x1x8xf32>
      %n = arith.addi %i, %c1 : index
      %kl = tensor.extract_slice %kn[0, 0, 0, 0] [1, %n, 1, 8] [1, 1, 1, 1]
          : !t to tensor<1x?x1x8xf32>
      %vl = tensor.extract_slice %v[0, 0, 0, 0] [1, %n, 1, 8] [1, 1, 1, 1]
          : !t to tensor<1x?x1x8xf32>
      %y = mfa.masked_attention
          ins(%qs, %kl, %vl : tensor<1x1x1x8xf32>, tensor<1x?x1x8xf32>, tensor<1x?x1x8xf32>)
          outs(%xs : tensor<1x1x1x8xf32>) -> tensor<1x1x1x8xf32>
      %z = tensor.insert_slice %y into %x[0, %i, 0, 0] [1, 1, 1, 8] [1, 1, 1, 1]
          : tensor<1x1x1x8xf32> into !s
      scf.yield %z, %kn : !s, !t
    }
    return %r#0, %r#1 : !s, !t }""", lambda q, k, v: cached(q, k, v)),
    # A mask that is a constant of the program.
    "constant": (MAIN + "!t {\n%e = tensor.empty() : !t\n%m = arith.constant dense<[["
                 + ", ".join("[" + ", ".join(str(j <= i).lower() for j in range(ROWS))
                             + "]" for i in range(ROWS))
                 + "]]> : tensor<1x8x8xi1>\n"
                 + attend("y", "q", "e", mask="mask(%m : tensor<1x8x8xi1>)")
                 + "return %y : !t }",
                 lambda q, k, v: [attention(q, k, v, lambda i, j: j <= i)]),
    # Numbers that the host computes: the cube root of 8, and erf of half of it.
    "host_math": (MAIN + "!t {" + CONSTANTS + """%half = arith.constant 0.5 : f32
    %d = tensor.cast %q : !t to tensor<1x?x1x8xf32>
    %n = tensor.dim %d, %c1 : tensor<1x?x1x8xf32>
    %i = arith.ceildivsi %n, %c1 : index
    %j = arith.index_cast %i : index to i32
    %f = arith.sitofp %j : i32 to f32
    %r = math.cbrt %f : f32
    %h = arith.mulf %r, %half : f32
    %s = math.erf %h : f32
    %e = tensor.empty() : !t
    %y = mfa.masked_attention ins(%q, %k, %v : !t, !t, !t) scale(%s : f32)
        outs(%e : !t) -> !t
    return %y : !t }""",
                  lambda q, k, v: [attention(q, k, v, scale=math.erf(1.0))]),
    # Copies to a part of a buffer and from every second row.
    "concat": (MAIN + """!t {
    %a = tensor.extract_slice %q[0, 0, 0, 0] [1, 4, 1, 8] [1, 2, 1, 1] : !t to !s
    %b = """ + SLICE.format("q", "1") + """%c = tensor.concat dim(1) %a, %b : (!s, !s) -> !t
    %e = tensor.empty() : !t
    """ + attend("y", "c", "e") + "return %y : !t }",
               lambda q, k, v: [attention(q[0:8:2] + q[1:5], k, v)]),
    "view_result": (MAIN + """!s {
    %e = tensor.empty() : !t
    """ + attend("y", "q", "e") + """
    %a = tensor.extract_slice %y[0, 1, 0, 0] [1, 4, 1, 8] [1, 2, 1, 1] : !t to !s
    return %a : !s }""", lambda q, k, v: [attention(q, k, v)[1::2]]),
}


def main(mfa_run, folder, target):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    random.seed(7)
    arrays = []
    for name in "qkv":
        values = [random.gauss(0, 1) for _ in range(ROWS * DIM)]
        save(f"{name}.npy", values, shape=(1, ROWS, 1, DIM))
        values = load(f"{name}.npy")[2]
        arrays.append([values[i * DIM : (i + 1) * DIM] for i in range(ROWS)])
    failures = []
    for name, (text, reference) in PROGRAMS.items():
        with open(f"{name}.mlir", "w") as file:
            file.write(HEADER + text + "\n")
        arguments = ["--arg=q.npy", "--arg=k.npy", "--arg=v.npy"]
        if name.startswith("if_"):
            length = int(name[3:])
            save("a.npy", [0.0] * length)
            arguments.append("--arg=a.npy")
        expected = reference(*arrays)
        outs = [f"out{i}.npy" for i in range(len(expected))]
        done = subprocess.run(
            [mfa_run, f"{name}.mlir", "--entry=main", *arguments,
             *("--out=" + out for out in outs), "--target=" + target],
            capture_output=True, text=True)
        if done.returncode != 0:
            failures.append(f"{name}: {done.stderr}")
            continue
        for out, rows in zip(outs, expected):
            error = max(abs(a - b) for a, b in
                        zip(load(out)[2], sum(rows, []), strict=True))
            if not error < 1e-5:
                failures.append(f"{name}: {out} is {error} off")
    if failures:
        sys.exit("\n".join(failures))


main(*sys.argv[1:])
