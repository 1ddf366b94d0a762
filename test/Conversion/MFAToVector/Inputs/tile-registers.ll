; Tile registers as vectors of 16 x 16 words, and what instructions do with them, for CPUs
; without.

%tile = type [16 x <16 x i32>]

define <256 x i32> @tile_zero(i16 %rows, i16 %bytes) {
  ret <256 x i32> zeroinitializer
}

define <256 x i32> @tile_load(i16 %rows, i16 %bytes, ptr %base, i64 %stride) {
entry:
  %tile = alloca %tile, align 64
  br label %row
row:
  %r = phi i64 [0, %entry], [%next, %row]
  %offset = mul i64 %r, %stride
  %from = getelementptr i8, ptr %base, i64 %offset
  %words = load <16 x i32>, ptr %from, align 1
  %to = getelementptr <16 x i32>, ptr %tile, i64 %r
  store <16 x i32> %words, ptr %to
  %next = add i64 %r, 1
  %more = icmp ult i64 %next, 16
  br i1 %more, label %row, label %end
end:
  %result = load <256 x i32>, ptr %tile, align 64
  ret <256 x i32> %result
}

define void @tile_store(i16 %rows, i16 %bytes, ptr %base, i64 %stride, <256 x i32> %value) {
entry:
  %tile = alloca %tile, align 64
  store <256 x i32> %value, ptr %tile, align 64
  br label %row
row:
  %r = phi i64 [0, %entry], [%next, %row]
  %offset = mul i64 %r, %stride
  %to = getelementptr i8, ptr %base, i64 %offset
  %from = getelementptr <16 x i32>, ptr %tile, i64 %r
  %words = load <16 x i32>, ptr %from
  store <16 x i32> %words, ptr %to, align 1
  %next = add i64 %r, 1
  %more = icmp ult i64 %next, 16
  br i1 %more, label %row, label %end
end:
  ret void
}

; sum[r, n] += left[r, 2 k] * right[k, 2 n] + left[r, 2 k + 1] * right[k, 2 n + 1], where a
; word has two bf16.
define <256 x i32> @tile_multiply(i16 %rows, i16 %columns, i16 %steps, <256 x i32> %sum,
                                  <256 x i32> %left, <256 x i32> %right) {
entry:
  %sums = alloca %tile, align 64
  %lefts = alloca [256 x i32], align 64
  %rights = alloca %tile, align 64
  store <256 x i32> %sum, ptr %sums, align 64
  store <256 x i32> %left, ptr %lefts, align 64
  store <256 x i32> %right, ptr %rights, align 64
  br label %step
step:
  %i = phi i64 [0, %entry], [%next, %step]
  %r = lshr i64 %i, 4
  %k = and i64 %i, 15
  %place = getelementptr i32, ptr %lefts, i64 %i
  %word = load i32, ptr %place
  %low = shl i32 %word, 16
  %high = and i32 %word, -65536
  %a = bitcast i32 %low to float
  %b = bitcast i32 %high to float
  %a0 = insertelement <16 x float> poison, float %a, i64 0
  %as = shufflevector <16 x float> %a0, <16 x float> poison, <16 x i32> zeroinitializer
  %b0 = insertelement <16 x float> poison, float %b, i64 0
  %bs = shufflevector <16 x float> %b0, <16 x float> poison, <16 x i32> zeroinitializer
  %from = getelementptr <16 x i32>, ptr %rights, i64 %k
  %words = load <16 x i32>, ptr %from
  %lows = shl <16 x i32> %words, splat (i32 16)
  %highs = and <16 x i32> %words, splat (i32 -65536)
  %c = bitcast <16 x i32> %lows to <16 x float>
  %d = bitcast <16 x i32> %highs to <16 x float>
  %to = getelementptr <16 x float>, ptr %sums, i64 %r
  %old = load <16 x float>, ptr %to
  %ac = fmul <16 x float> %as, %c
  %bd = fmul <16 x float> %bs, %d
  %one = fadd <16 x float> %old, %ac
  %both = fadd <16 x float> %one, %bd
  store <16 x float> %both, ptr %to
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 256
  br i1 %more, label %step, label %end
end:
  %result = load <256 x i32>, ptr %sums, align 64
  ret <256 x i32> %result
}

; Of numbers that are not NaN: to the next one, and to even between two.
define <16 x bfloat> @round_to_bf16(<16 x float> %numbers) {
  %bits = bitcast <16 x float> %numbers to <16 x i32>
  %high = lshr <16 x i32> %bits, splat (i32 16)
  %odd = and <16 x i32> %high, splat (i32 1)
  %half = add <16 x i32> %odd, splat (i32 32767)
  %sum = add <16 x i32> %bits, %half
  %rounded = lshr <16 x i32> %sum, splat (i32 16)
  %words = trunc <16 x i32> %rounded to <16 x i16>
  %result = bitcast <16 x i16> %words to <16 x bfloat>
  ret <16 x bfloat> %result
}

; Of the compiler's runtime library.
define bfloat @__truncsfbf2(float %number) {
  %first = insertelement <16 x float> zeroinitializer, float %number, i64 0
  %rounded = call <16 x bfloat> @round_to_bf16(<16 x float> %first)
  %result = extractelement <16 x bfloat> %rounded, i64 0
  ret bfloat %result
}

define void @mfaReportError(ptr %message) {
  call void @abort()
  unreachable
}

declare void @abort()

define void @mfaUseTileRegisters() {
  ret void
}

; Stack that is used next is full of NaN.
define void @_mlir_ciface_fill_stack() noinline {
  %stack = alloca [524288 x i8]
  call void @llvm.memset.p0.i64(ptr %stack, i8 -1, i64 524288, i1 true)
  ret void
}

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
