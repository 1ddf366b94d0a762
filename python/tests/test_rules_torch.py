"""Functions in keep= and score= in traces, transforms and graphs of torch."""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from conftest import assert_close, make_qkv, normal, reference  # noqa: E402

import mfa  # noqa: E402

ARRAYS = make_qkv(seq_q=9, seq_k=9)
Q, K, V = (torch.from_numpy(x) for x in ARRAYS)
IDS = torch.tensor([[0] * 3 + [1] * 6, [0] * 5 + [1] * 4])
OTHERS = IDS.clone()
SLOPES = torch.tensor([0.5, 0.25, 0.125, 0.0625])
B, H, I, J = np.ogrid[:2, :4, :9, :9]


def expected(keep, score=0.0):
    keep = np.broadcast_to(keep, (2, 4, 9, 9))
    return reference(*ARRAYS, np.where(keep, score, -np.inf))[0]


def documents(b, h, q, k):
    return (IDS[b, q] == IDS[b, k]) & (k <= q)


DOCUMENTS = (IDS.numpy()[B, I] == IDS.numpy()[B, J]) & (J <= I)


@pytest.fixture
def no_masks(monkeypatch):
    """No array is made of which a mask could be."""

    def refuse(*args, **kwargs):
        raise AssertionError("an array is made")

    monkeypatch.setattr(torch, "ones", refuse)
    monkeypatch.setattr(torch.Tensor, "tril", refuse)


def heads_first(*tensors):
    return [x.transpose(1, 2) for x in tensors]


def test_causal_makes_no_mask(no_masks):
    k, v = (x.repeat_interleave(2, 2) for x in (K, V))
    output = mfa.scaled_dot_product_attention(*heads_first(Q, k, v), is_causal=True)
    assert_close(output.transpose(1, 2), expected(J <= I))


def test_causal_bias_makes_no_mask(no_masks):
    bias = pytest.importorskip("torch.nn.attention.bias")
    k, v = (x.repeat_interleave(2, 2)[:, :7] for x in (K, V))
    mask = bias.causal_lower_right(9, 7)
    output = mfa.scaled_dot_product_attention(*heads_first(Q, k, v), attn_mask=mask)
    keep = np.broadcast_to((J[..., :7] <= I - 2), (2, 4, 9, 7))
    q, k, v = ARRAYS[0], ARRAYS[1][:, :7], ARRAYS[2][:, :7]
    assert_close(output.transpose(1, 2), reference(q, k, v, keep)[0])


def test_causal_in_a_graph():
    @torch.compile(fullgraph=True, backend="aot_eager")
    def attend(q, k, v):
        return mfa.scaled_dot_product_attention(q, k, v, is_causal=True)

    k, v = (x.repeat_interleave(2, 2) for x in (K, V))
    output = attend(*heads_first(Q, k, v))
    assert_close(output.transpose(1, 2), expected(J <= I))


def test_causal_exported():
    class Model(torch.nn.Module):
        def forward(self, q, k, v):
            return mfa.scaled_dot_product_attention(q, k, v, is_causal=True)

    k, v = (x.repeat_interleave(2, 2) for x in (K, V))
    arrays = heads_first(Q, k, v)
    for strict in (False, True):
        program = torch.export.export(Model(), tuple(arrays), strict=strict)
        assert "mfa.masked_attention" in str(program.graph)
        output = program.module()(*arrays)
        assert_close(output.transpose(1, 2), expected(J <= I))


def test_functions_exported():
    """The rule is a text in the graph, and what it captures an input."""

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("slopes", SLOPES.clone())
            self.window = 4

        def forward(self, q, k, v, ids):
            return mfa.masked_attention(
                q,
                k,
                v,
                keep=lambda b, h, q, k: (ids[b, q] == ids[b, k])
                & (q - k < self.window),
                score=lambda s, b, h, q, k: s + self.slopes[h] * (k - q),
            )

    program = torch.export.export(Model(), (Q, K, V, IDS), strict=False)
    assert "func.func @keep" in str(program.graph)
    ids = IDS.flip(1).contiguous()
    plain = ids.numpy()
    keep = (plain[B, I] == plain[B, J]) & (I - J < 4)
    output = program.module()(Q, K, V, ids)
    assert_close(output, expected(keep, SLOPES.numpy()[H] * (J - I)))


SIZES = [3]


def near(b, h, q, k):
    return q - k < SIZES[0]


def softcapped(s, b, h, q, k):
    return torch.tanh(s / 2) * 2


def softcap(s):
    return np.tanh(s / 2) * 2


needs_functions_in_graphs = pytest.mark.skipif(
    __import__("mfa.torch").torch.attend_with_functions is None,
    reason="needs torch 2.7 or newer",
)
# keep, score, which pairs are kept, and what is added to the scores.
COMPILED = {
    "own": (documents, None, DOCUMENTS, 0),
    "lambda": (
        lambda b, h, q, k: (q - k < 4) | (h == 2),
        None,
        (I - J < 4) | (H == 2),
        0,
    ),
    "number": (near, None, I - J < 3, 0),
    "ready-made": (
        mfa.masks.causal("end") & mfa.masks.documents(IDS) | mfa.masks.dilated(3),
        None,
        DOCUMENTS | ((I - J) % 3 == 0),
        0,
    ),
    "prefix": (mfa.masks.prefix(5), None, (J < 5) | (J <= I), 0),
    "lengths": (
        mfa.masks.lengths(torch.tensor([4, 9])),
        None,
        J < np.array([4, 9])[B],
        0,
    ),
    "score": (
        None,
        lambda s, b, h, q, k: s + SLOPES[h] * (k - q),
        True,
        SLOPES.numpy()[H] * (J - I),
    ),
    "both": (
        documents,
        mfa.scores.alibi(SLOPES.double()),
        DOCUMENTS,
        SLOPES.numpy()[H] * (J - I),
    ),
    "where": (
        None,
        lambda s, b, h, q, k: mfa.where(k <= q, s, -float("inf")),
        J <= I,
        0,
    ),
    "torch.where": (
        None,
        lambda s, b, h, q, k: torch.where(IDS[b, q] == IDS[b, k], s, float("-inf")),
        IDS.numpy()[B, I] == IDS.numpy()[B, J],
        0,
    ),
    "small integers": (
        lambda b, h, q, k: IDS.to(torch.uint8)[b, q] == IDS.to(torch.uint8)[b, k],
        None,
        IDS.numpy()[B, I] == IDS.numpy()[B, J],
        0,
    ),
}


@needs_functions_in_graphs
@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
@pytest.mark.parametrize("name", COMPILED)
def test_functions_compiled(name, backend):
    """One graph, in which the rule is a text and what it captures an input."""
    if backend == "inductor" and name not in ("own", "both"):
        pytest.skip("the graph is that of aot_eager")
    keep, score, kept, added = COMPILED[name]

    @torch.compile(fullgraph=True, backend=backend)
    def attend(q, k, v):
        output, lse = mfa.masked_attention(
            q * 2, k, v, keep=keep, score=score, return_lse=True, scale=0.125
        )
        return output + 1, lse

    output, lse = attend(Q, K, V)
    assert_close(output - 1, expected(kept, added))
    plain = mfa.masked_attention(Q, K, V, keep=keep, score=score, return_lse=True)[1]
    torch.testing.assert_close(lse, plain, rtol=1e-5, atol=1e-5)


@needs_functions_in_graphs
def test_graph_of_functions():
    """What a backend gets is an operator with the rule's text."""
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph

    from torch._dynamo.backends.common import aot_autograd

    @torch.compile(fullgraph=True, backend=aot_autograd(fw_compiler=backend))
    def attend(q, k, v, ids, sinks):
        return mfa.masked_attention(
            q, k, v, keep=lambda b, h, q, k: ids[b, q] == ids[b, k], sinks=sinks
        )

    sinks = torch.zeros(4)
    with torch.no_grad():
        output = attend(Q, K, V, IDS, sinks)
    text = str(graphs[0].graph)
    assert text.count("torch.ops.mfa.masked_attention.default") == 1
    assert "func.func @keep" in text and "position" not in text
    keep = lambda b, h, q, k: IDS[b, q] == IDS[b, k]  # noqa: E731
    plain = mfa.masked_attention(Q, K, V, keep=keep, sinks=sinks)
    torch.testing.assert_close(output, plain)
    others = IDS.flip(1).contiguous()
    keep = lambda b, h, q, k: others[b, q] == others[b, k]  # noqa: E731
    plain = mfa.masked_attention(Q, K, V, keep=keep, sinks=sinks)
    with torch.no_grad():
        torch.testing.assert_close(attend(Q, K, V, others, sinks), plain)
    assert len(graphs) == 1


@needs_functions_in_graphs
def test_functions_compiled_for_any_size():
    @torch.compile(fullgraph=True, backend="aot_eager", dynamic=True)
    def attend(q, k, v, window):
        return mfa.masked_attention(
            q, k, v, keep=lambda b, h, q, k: (k <= q) & (q - k < window)
        )

    for length, window in ((9, 3), (7, 4), (8, 5)):
        q, k, v = Q[:, :length], K[:, :length], V[:, :length]
        keep = mfa.masks.window(window - 1, 0)
        plain = mfa.masked_attention(q, k, v, keep=keep)
        torch.testing.assert_close(attend(q, k, v, window), plain)


@needs_functions_in_graphs
def test_divisors_of_graphs_may_be_any():
    """They stay numbers of the call in a graph."""

    @torch.compile(fullgraph=True, backend="aot_eager")
    def attend(q, k, v):
        size = q.shape[1] // 4
        return mfa.masked_attention(
            q, k, v, keep=lambda b, h, q, k: ((q - k) % size == 0) | (q // size == k)
        )

    for length in (8, 9, 4):
        q, k, v = Q[:, :length], K[:, :length], V[:, :length]
        size, rows = length // 4, torch.arange(length)[:, None]
        mask = ((rows - rows.T) % size == 0) | (rows // size == rows.T)
        plain = mfa.masked_attention(q, k, v, mask[None])
        torch.testing.assert_close(attend(q, k, v), plain)


@needs_functions_in_graphs
def test_flex_attention_in_a_graph():
    flex = pytest.importorskip("torch.nn.attention.flex_attention")
    mask = flex.create_block_mask(documents, 2, None, 9, 9, device="cpu")
    k, v = (x.repeat_interleave(2, 2) for x in (K, V))
    arrays = heads_first(Q, k, v)
    for block_mask in (documents, mask):

        @torch.compile(fullgraph=True, backend="aot_eager")
        def attend(q, k, v):
            return mfa.flex_attention(q, k, v, softcapped, block_mask)

        output = attend(*arrays)
        plain = mfa.flex_attention(*arrays, softcapped, block_mask)
        torch.testing.assert_close(output, plain)


@needs_functions_in_graphs
def test_functions_exported_strictly():
    class Model(torch.nn.Module):
        def forward(self, q, k, v, ids):
            return mfa.masked_attention(
                q, k, v, keep=lambda b, h, q, k: ids[b, q] == ids[b, k]
            )

    program = torch.export.export(Model(), (Q, K, V, IDS), strict=True)
    assert "func.func @keep" in str(program.graph)
    ids = IDS.flip(1).contiguous()
    plain = ids.numpy()
    output = program.module()(Q, K, V, ids)
    assert_close(output, expected(plain[B, I] == plain[B, J]))


def test_function_that_cannot_be_traced_by_torch():
    """The graph ends in front of the call, which then says what is wrong."""

    @torch.compile(backend="aot_eager")
    def attend(q, k, v):
        doubled = q * 2
        return mfa.masked_attention(
            doubled, k, v, keep=lambda b, h, q, k: True if q > k else False
        )

    with pytest.raises(TypeError, match="^keep: expected a decision"):
        attend(Q, K, V)


def test_mapped():
    q = torch.stack([Q, Q * 2])
    output = torch.vmap(
        lambda q: mfa.masked_attention(q, K, V, keep=mfa.masks.window(2, 1))
    )(q)
    plain = mfa.masked_attention(Q * 2, K, V, keep=mfa.masks.window(2, 1))
    torch.testing.assert_close(output[1], plain)


def each(function, *stacks):
    """The results one after the other."""
    results = [function(*arrays) for arrays in zip(*stacks)]
    if isinstance(results[0], tuple):
        return tuple(map(torch.stack, zip(*results)))
    return torch.stack(results)


def check_mapped(function, *stacks):
    mapped, plain = torch.vmap(function)(*stacks), each(function, *stacks)
    torch.testing.assert_close(mapped, plain, rtol=1e-5, atol=1e-5)


QS = torch.stack([Q, Q * 2, Q + 1])


def test_mapped_batch():
    """Functions see the batch of their own call."""
    check_mapped(lambda q: mfa.masked_attention(q, K, V, keep=documents), QS)


def test_mapped_captures():
    all_ids = torch.stack([IDS, IDS.flip(1), IDS * 0])

    def attend(q, ids, slopes):
        return mfa.masked_attention(
            *(q, K, V), return_lse=True,
            keep=mfa.masks.documents(ids), score=mfa.scores.alibi(slopes),
        )  # fmt: skip

    slopes = torch.stack([SLOPES, SLOPES * 2, -SLOPES])
    check_mapped(attend, QS, all_ids, slopes)
    # Mapped by another dimension, and some not at all.
    output, lse = torch.vmap(attend, (None, 1, 1))(Q, all_ids.movedim(0, 1), slopes.t())
    expected = each(lambda ids, slopes: attend(Q, ids, slopes), all_ids, slopes)
    torch.testing.assert_close((output, lse), expected, rtol=1e-5, atol=1e-5)


def test_mapped_twice():
    all_ids = torch.stack([IDS, IDS.flip(1)])

    def attend(q, ids):
        return mfa.masked_attention(q, K, V, keep=mfa.masks.documents(ids))

    output = torch.vmap(torch.vmap(attend, (0, None)), (None, 0))(QS, all_ids)
    for i, ids in enumerate(all_ids):
        torch.testing.assert_close(output[i], each(lambda q: attend(q, ids), QS))


def test_mapped_table_of_four_dimensions():
    tables = torch.from_numpy(normal(3, 3, 2, 4, 9, 9))

    def attend(table):
        return mfa.masked_attention(
            Q, K, V, score=lambda s, b, h, q, k: s + table[b, h, q, k] * table.shape[0]
        )

    check_mapped(attend, tables)


@pytest.mark.parametrize(
    "shape", [None, (1, 9, 9), (2, 1, 9), (1, 4, 1, 9), (2, 1, 9, 9)]
)
@pytest.mark.parametrize("is_mapped", [False, True])
def test_mapped_sinks(shape, is_mapped):
    """Heads are joined, by which functions are told apart too."""
    sinks = torch.stack([SLOPES, SLOPES * 4, -SLOPES])
    mask = None if shape is None else torch.from_numpy(normal(3, 3, *shape))

    def attend(q, sinks, mask):
        return mfa.masked_attention(
            *(q, K, V, mask), sinks=sinks, return_lse=True,
            score=lambda s, b, h, q, k: s + SLOPES[h] + b,
        )  # fmt: skip

    if not is_mapped and mask is not None:
        mask = mask[0]
    axes = 0, 0, 0 if is_mapped and mask is not None else None
    output = torch.vmap(attend, axes)(QS, sinks, mask)
    for i in range(3):
        own = mask[i] if is_mapped and mask is not None else mask
        plain = attend(QS[i], sinks[i], own)
        torch.testing.assert_close([x[i] for x in output], list(plain))


def test_mapped_text():
    """Of rules whose functions this process has not traced there is nothing to map."""
    rules, captures = mfa._rules.bind(documents, None, Q)
    text = rules.text.replace("IDS", "OTHER")
    with pytest.raises(NotImplementedError, match="that this process has traced"):
        torch.vmap(
            lambda q: torch.ops.mfa.masked_attention(
                q, K, V, arrays=list(captures), rules=text
            )
        )(QS)


def test_operator():
    rules, captures = mfa._rules.bind(documents, None, Q)
    output = torch.ops.mfa.masked_attention(
        Q, K, V, arrays=list(captures), rules=rules.text
    )
    assert_close(output, expected(DOCUMENTS))
    mfa._rules._rules.pop(rules.text)
    output, lse = torch.ops.mfa.masked_attention_lse(
        Q, K, V, None, SLOPES, list(captures), rules=rules.text
    )
    assert lse.shape == (2, 4, 9)
    torch.library.opcheck(
        torch.ops.mfa.masked_attention.default,
        (Q, K, V, None, SLOPES, list(captures)),
        {"rules": rules.text},
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([IDS], "expected 2 captures, as the rules have, but got 1"),
        (
            [IDS, IDS.int()],
            "IDS: expected an array of i64 of rank 2, for which the rules were "
            "written, but got an array of i32 of rank 2",
        ),
        (
            [IDS, IDS[0]],
            "IDS: expected an array of i64 of rank 2, for which the rules were "
            "written, but got an array of i64 of rank 1",
        ),
    ],
)
def test_operator_with_other_captures(arrays, message):
    rules, _ = mfa._rules.bind(lambda b, h, q, k: IDS[b, q] == OTHERS[b, k], None, Q)
    text = rules.text.replace("OTHERS", "IDS")
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}$"):
        torch.ops.mfa.masked_attention(Q, K, V, arrays=arrays, rules=text)


def test_operator_with_bad_rules():
    with pytest.raises(ValueError, match="^rules: expected MLIR text but got an error"):
        torch.ops.mfa.masked_attention(Q, K, V, rules="causal")


def test_gradients():
    slopes = SLOPES.clone().requires_grad_()

    def score(s, b, h, q, k):
        return s + slopes[h]

    message = "slopes: expected an array without gradients, as masked attention has no "
    with pytest.raises(RuntimeError, match=message):
        mfa.masked_attention(Q, K, V, score=score)
    with torch.no_grad():
        output = mfa.masked_attention(Q, K, V, score=score)
    assert_close(output, expected(True, 0.0))


# Masks that are prepared.


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("dtype", ["bool", "float32", "float16"])
def test_prepared_mask(kind, dtype):
    values = normal(3, 2, 9, 9)
    values = values > 0 if dtype == "bool" else values.astype(dtype)
    mask = torch.from_numpy(values) if kind == "torch" else values
    arrays = (Q, K, V) if kind == "torch" else ARRAYS
    prepared = mfa.Mask(mask)
    assert prepared.array.shape == mask.shape
    strides = prepared.array.stride() if kind == "torch" else prepared.array.strides
    bytes_of_rows = strides[1] * (values.itemsize if kind == "torch" else 1)
    assert bytes_of_rows % 16 == 0
    plain = mfa.masked_attention(*arrays, mask)
    assert_close(mfa.masked_attention(*arrays, prepared), np.asarray(plain))
    assert_close(mfa.compile(*arrays, prepared)(*arrays, prepared), np.asarray(plain))
    assert_close(mfa.masked_attention(*arrays, mfa.Mask(prepared)), np.asarray(plain))


def test_prepared_mask_stays_broadcast():
    mask = torch.from_numpy(normal(3, 1, 1, 9, 9)).expand(2, 4, 9, 9)
    prepared = mfa.Mask(mask)
    assert prepared.array.stride()[:2] == (0, 0)
    assert prepared.array.untyped_storage().nbytes() == 9 * 12 * 4
    torch.testing.assert_close(prepared.array, mask)


def test_aligned_mask_is_not_copied():
    mask = torch.zeros(2, 9, 16)
    assert mfa.Mask(mask).array is mask


def test_prepared_mask_in_sdpa():
    mask = torch.from_numpy(normal(3, 2, 1, 9, 9))
    k, v = (x.repeat_interleave(2, 2) for x in (K, V))
    arrays = heads_first(Q, k, v)
    plain = mfa.scaled_dot_product_attention(*arrays, mask)
    prepared = mfa.scaled_dot_product_attention(*arrays, mfa.Mask(mask))
    torch.testing.assert_close(prepared, plain)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([1], "array: expected an array but got list"),
        (torch.zeros(3, 3), "array: expected rank 3 or 4 but got rank 2"),
        (
            torch.zeros(1, 3, 3, dtype=torch.int64),
            "array: expected elements of type f16, bf16, f32 or bool but got int64",
        ),
    ],
)
def test_refused_mask(array, message):
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}$"):
        mfa.Mask(array)


# Kernels compiled ahead.


def test_compiled_ahead():
    size = 3
    kernel = mfa.compile(
        *ARRAYS,
        keep=lambda b, h, q, k: q - k < size,
        sinks=mfa.Spec((4,), "f32"),
        target="cpu",
    )
    sinks = np.float32([-np.inf] * 4)
    assert "keep" in kernel.ir("mfa")
    for size in (3, 5):
        assert_close(kernel(*ARRAYS, sinks=sinks), expected(I - J < size))
    other = mfa.masks.causal()
    with pytest.raises(ValueError, match="expected functions for which the kernel was"):
        kernel(*ARRAYS, keep=other, sinks=sinks)
    with pytest.raises(ValueError, match="mask, sinks, without lse, but got f32, D 16"):
        kernel(*ARRAYS)
