"""mfa.flex_attention, with functions as users of torch's FlexAttention write them,
beside torch's own."""

import math
import os

import pytest

torch = pytest.importorskip("torch")
flex = pytest.importorskip("torch.nn.attention.flex_attention")

import mfa  # noqa: E402

# test_cuda.py runs this file with it.
DEVICE = os.environ.get("MFA_TEST_DEVICE", "cpu")
if DEVICE != "cpu":
    torch.set_default_device(DEVICE)

B, H, S, D = 2, 4, 20, 16
WINDOW, CAP, PREFIX = 5, 3.0, 6
LENGTHS = torch.tensor([13, 20])
DOCUMENTS = torch.tensor([[0] * 6 + [1] * 9 + [2] * 5, [0] * 11 + [1] * 9])
OFFSETS = torch.tensor([0, 7, 12, 20])
SLOPES = torch.exp2(-torch.arange(1, H + 1) * 8.0 / H)
BIAS = torch.randn(H, 2 * S, generator=torch.Generator(DEVICE).manual_seed(1))
PARENTS = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9])
WIDTH, KERNEL = 5, 3


def make_inputs(kv_heads=H, seq_k=S, dtype=torch.float32):
    generator = torch.Generator(DEVICE).manual_seed(0)
    return [
        torch.randn(B, heads, length, D, generator=generator).to(dtype)
        for heads, length in ((H, S), (kv_heads, seq_k), (kv_heads, seq_k))
    ]


# Masks.


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def noop(b, h, q_idx, kv_idx):
    return b.new_ones(size=(), dtype=torch.bool)


def sliding_window(b, h, q_idx, kv_idx):
    return (q_idx - kv_idx).abs() <= WINDOW


def sliding_window_causal(b, h, q_idx, kv_idx):
    causal_mask = q_idx >= kv_idx
    window_mask = q_idx - kv_idx <= WINDOW
    return causal_mask & window_mask


def generate_sliding_window(window_size):
    def sliding(b, h, q_idx, kv_idx):
        return q_idx - kv_idx <= window_size

    return flex.and_masks(sliding, causal)


def generate_prefix_lm(prefix_length):
    def prefix_mask(b, h, q_idx, kv_idx):
        return kv_idx < prefix_length

    return flex.or_masks(prefix_mask, causal)


def prefix_lm_lengths(b, h, q_idx, kv_idx):
    return (kv_idx < LENGTHS[b]) | (q_idx >= kv_idx)


def padding(b, h, q_idx, kv_idx):
    return kv_idx < LENGTHS[b]


def documents(b, h, q_idx, kv_idx):
    return DOCUMENTS[b, q_idx] == DOCUMENTS[b, kv_idx]


def documents_causal(b, h, q_idx, kv_idx):
    same = DOCUMENTS[b, q_idx] == DOCUMENTS[b, kv_idx]
    return torch.logical_and(same, q_idx >= kv_idx)


def generate_jagged(offsets):
    counts = offsets[1:] - offsets[:-1]
    ids = torch.repeat_interleave(torch.arange(len(counts)), counts)

    def jagged(b, h, q_idx, kv_idx):
        q_logical = q_idx - offsets[ids[q_idx]]
        kv_logical = kv_idx - offsets[ids[kv_idx]]
        return (ids[q_idx] == ids[kv_idx]) & (q_logical >= kv_logical)

    return jagged


def generate_natten(width, kernel):
    def get_x_y(idx):
        return idx // width, idx % width

    def natten(b, h, q_idx, kv_idx):
        q_x, q_y = get_x_y(q_idx)
        kv_x, kv_y = get_x_y(kv_idx)
        center_x = q_x.clamp(kernel // 2, (S // width - 1) - kernel // 2)
        center_y = q_y.clamp(kernel // 2, (width - 1) - kernel // 2)
        hori = (center_x - kv_x).abs() <= kernel // 2
        vert = (center_y - kv_y).abs() <= kernel // 2
        return hori & vert

    return natten


def generate_dilated(window, dilation):
    def dilated(b, h, q_idx, kv_idx):
        distance = torch.abs(q_idx - kv_idx)
        return (distance <= window) & ((distance % dilation) == 0)

    return dilated


def checkerboard(b, h, q_idx, kv_idx):
    return (q_idx // 4 + kv_idx // 4) % 2 == 0


def tree(b, h, q_idx, kv_idx):
    # Ancestors in a tree of parents, up to four steps.
    node, found = q_idx, q_idx == kv_idx
    for _ in range(4):
        node = PARENTS[node]
        found = found | (node == kv_idx)
    return found


def heads_differ(b, h, q_idx, kv_idx):
    return torch.where(h % 2 == 0, q_idx >= kv_idx, q_idx - kv_idx < 3 + h)


def global_tokens(b, h, q_idx, kv_idx):
    is_global = torch.bitwise_or(q_idx < 2, kv_idx < 2)
    return is_global | (torch.abs(q_idx - kv_idx) < WINDOW)


def image_in_text(b, h, q_idx, kv_idx):
    # Transfusion: an image attends to all of itself.
    image = (q_idx >= 4) & (q_idx < 10) & (kv_idx >= 4) & (kv_idx < 10)
    return image | (q_idx >= kv_idx)


class Windows:
    def __init__(self, size):
        self.size = size

    def mask(self, b, h, q_idx, kv_idx):
        return (q_idx >= kv_idx) & (q_idx - kv_idx < self.size)


WINDOWS = Windows(6)

MASKS = {
    "causal": causal,
    "noop": noop,
    "sliding window": sliding_window,
    "sliding window, causal": sliding_window_causal,
    "and_masks": generate_sliding_window(4),
    "prefix-LM": generate_prefix_lm(PREFIX),
    "prefix-LM with lengths": prefix_lm_lengths,
    "padding": padding,
    "documents": documents,
    "documents, causal": documents_causal,
    "jagged": generate_jagged(OFFSETS),
    "natten": generate_natten(WIDTH, KERNEL),
    "dilated": generate_dilated(8, 2),
    "checkerboard": checkerboard,
    "tree": tree,
    "heads differ": heads_differ,
    "global tokens": global_tokens,
    "image in text": image_in_text,
    "method": lambda b, h, q_idx, kv_idx: WINDOWS.mask(b, h, q_idx, kv_idx),
}


# Scores.


def identity(score, b, h, q_idx, kv_idx):
    return score


def alibi(score, b, h, q_idx, kv_idx):
    return score + SLOPES[h] * (kv_idx - q_idx)


def generate_alibi(heads):
    def alibi_mod(score, b, h, q_idx, kv_idx):
        scale = torch.exp2(-((h + 1) * 8.0 / heads))
        return score + (kv_idx - q_idx) * scale

    return alibi_mod


def generate_tanh_softcap(soft_cap):
    def tanh_softcap(score, b, h, q_idx, kv_idx):
        return soft_cap * torch.tanh(score / soft_cap)

    return tanh_softcap


def relative(score, b, h, q_idx, kv_idx):
    return score + (q_idx - kv_idx)


def bias_table(score, b, h, q_idx, kv_idx):
    return score + BIAS[h, q_idx - kv_idx + S]


def t5_buckets(score, b, h, q_idx, kv_idx):
    distance = torch.clamp(q_idx - kv_idx, min=0)
    exact = 4
    large = exact + (
        torch.log(distance.float() / exact + 1e-6)
        / math.log(16 / exact)
        * (8 - exact)
    ).to(torch.long)
    large = torch.min(large, torch.full_like(large, 7))
    bucket = torch.where(distance < exact, distance, large)
    return score + BIAS[h, bucket]


def causal_score(score, b, h, q_idx, kv_idx):
    return torch.where(q_idx >= kv_idx, score, -float("inf"))


def temperature(score, b, h, q_idx, kv_idx):
    return score * torch.log2((q_idx + 2).to(torch.float32))


def clipped(score, b, h, q_idx, kv_idx):
    return score.clamp(-1.0, 1.0) * torch.sigmoid(score)


def head_scale(score, b, h, q_idx, kv_idx):
    return score / (1.0 + h.float())


SCORES = {
    "identity": identity,
    "ALiBi": alibi,
    "ALiBi, computed": generate_alibi(H),
    "soft-cap": generate_tanh_softcap(CAP),
    "relative": relative,
    "bias table": bias_table,
    "T5 buckets": t5_buckets,
    "causal as a score": causal_score,
    "temperature": temperature,
    "clipped": clipped,
    "head scale": head_scale,
}


def block_mask(mask_mod, seq_k=S):
    return flex.create_block_mask(mask_mod, B, H, S, seq_k, device=DEVICE, BLOCK_SIZE=16)


def check(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=2e-4, atol=2e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MASKS)
def test_mask(name):
    arguments = *make_inputs(), None, block_mask(MASKS[name])
    check(mfa.flex_attention(*arguments), flex.flex_attention(*arguments))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SCORES)
def test_score(name):
    arguments = *make_inputs(), SCORES[name]
    check(mfa.flex_attention(*arguments), flex.flex_attention(*arguments))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mask", ("sliding window, causal", "documents"))
def test_gemma(mask):
    arguments = *make_inputs(), SCORES["soft-cap"], block_mask(MASKS[mask])
    check(mfa.flex_attention(*arguments), flex.flex_attention(*arguments))


@pytest.mark.filterwarnings("ignore")
def test_groups_scale_and_lse():
    q, k, v = make_inputs(kv_heads=2, seq_k=13)
    mask = block_mask(sliding_window, 13)
    options = {"block_mask": mask, "scale": 0.3, "enable_gqa": True}
    actual = mfa.flex_attention(q, k, v, alibi, return_lse=True, **options)
    expected = flex.flex_attention(q, k, v, alibi, return_lse=True, **options)
    # Where a row attends to no key, torch has an lse of its own.
    is_full = actual[1].isneginf()
    check(actual[0], expected[0])
    check(actual[1][~is_full], expected[1][~is_full])


def test_shared_batch():
    q, k, v = make_inputs()
    shared = mfa.flex_attention(q, k[:1], v[:1], alibi)
    check(shared, mfa.flex_attention(q, k[:1].expand_as(k), v[:1].expand_as(v), alibi))


def test_lse_as_aux():
    if not hasattr(flex, "AuxRequest"):
        pytest.skip("a torch without AuxRequest")
    q, k, v = make_inputs()
    request = flex.AuxRequest(lse=True)
    output, aux = mfa.flex_attention(q, k, v, return_aux=request)
    check(aux.lse, mfa.flex_attention(q, k, v, return_lse=True)[1])
    assert aux.max_scores is None
    assert mfa.flex_attention(q, k, v, return_aux=flex.AuxRequest())[1].lse is None


def test_blocks_without_function():
    """Blocks that are not listed are not attended to."""
    counts = torch.tensor([[[1, 2, 1]]], dtype=torch.int32)
    indices = torch.tensor([[[[0, 1, 2], [1, 0, 2], [2, 0, 1]]]], dtype=torch.int32)
    mask = flex.BlockMask.from_kv_blocks(
        counts, indices, BLOCK_SIZE=8, seq_lengths=(S, S)
    )
    arguments = make_inputs()

    def listed(b, h, q, k):
        rows, keys = q // 8, k // 8
        return (rows == keys) | (rows == 1) & (keys == 0)

    expected = mfa.flex_attention(*arguments, block_mask=listed)
    check(mfa.flex_attention(*arguments, block_mask=mask), expected)


def test_kernel_options():
    q, k, v = make_inputs()
    options = {"BLOCK_M": 64, "fwd_num_warps": 4}
    check(
        mfa.flex_attention(q, k, v, kernel_options=options), mfa.flex_attention(q, k, v)
    )


Q, K, V = make_inputs()
ERRORS = {
    "rank": (
        (Q[0], K, V),
        {},
        "query: expected rank 4 but got 3",
    ),
    "batch": (
        (Q, K[:1].expand(3, -1, -1, -1), V),
        {},
        "key: expected batch 2, as of query, or 1, but got 3",
    ),
    "groups": (
        (Q, K[:, :2], V[:, :2]),
        {},
        "key: expected 4 heads, as of query, but got 2; pass enable_gqa=True for heads "
        "in groups",
    ),
    "heads": (
        (Q, K[:, :3], V[:, :3]),
        {"enable_gqa": True},
        "key: expected a number of heads that divides the 4 of query but got 3",
    ),
    "value-heads": (
        (Q, K, V[:, :2]),
        {},
        "value: expected 4 heads, as of key, but got 2",
    ),
    "option": (
        (Q, K, V),
        {"kernel_options": {"BLOCK_X": 3}},
        "kernel_options: expected options of torch's kernels but got 'BLOCK_X'",
    ),
    "mask-type": (
        (Q, K, V),
        {"block_mask": torch.ones(S, S)},
        "block_mask: expected a BlockMask or a function of (b, h, q_idx, kv_idx) but "
        "got Tensor",
    ),
    "mask-lengths": (
        (Q, K, V),
        {"block_mask": block_mask(causal, 13)},
        "block_mask: expected a mask for lengths of (20, 20) but got one for (20, 13), "
        "fewer than of key; make it for these lengths",
    ),
    "mask-batch": (
        (Q[:1].expand(3, -1, -1, -1), K[:1], V[:1]),
        {"block_mask": block_mask(causal)},
        "block_mask: expected batch and heads (3, 4), or 1 in place of these, but got "
        "(2, 4)",
    ),
    "control-flow": (
        (Q, K, V),
        {"score_mod": lambda s, b, h, q, k: s if q > k else -s},
        "score: expected a decision ('if', 'and', 'or', 'not', a chained comparison) "
        "that depends on no position but got one; use mfa.where, and &, | and ~ of "
        "comparisons (test_flex.py:",
    ),
    "item": (
        (Q, K, V),
        {"score_mod": lambda s, b, h, q, k: s * q.item()},
        "score: expected a number of Python (int(), float(), an index of a list, a "
        "range) that depends on no position but got one; index arrays that the "
        "function gets from outside (test_flex.py:",
    ),
    "function": (
        (Q, K, V),
        {"score_mod": lambda s, b, h, q, k: torch.cumsum(s, 0)},
        "score: expected a function that can be traced but got torch.cumsum "
        "(test_flex.py:",
    ),
    "method": (
        (Q, K, V),
        {"score_mod": lambda s, b, h, q, k: s.cumsum(0)},
        "score: expected a method that can be traced but got 'cumsum' (test_flex.py:",
    ),
    "whole-array": (
        (Q, K, V),
        {"score_mod": lambda s, b, h, q, k: s + torch.exp(SLOPES)[h]},
        "score: expected 'SLOPES' to be indexed but got an operation on the whole "
        "array; do it before, outside of the function (test_flex.py:",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error(case):
    arguments, options, message = ERRORS[case]
    with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        mfa.flex_attention(*arguments, **options)
    text = str(caught.value)
    assert text == message or text.startswith(message) and text.endswith(")")


def test_max_scores():
    if not hasattr(flex, "AuxRequest"):
        pytest.skip("a torch without AuxRequest")
    with pytest.raises(ValueError, match="a request of lse alone but got one of max"):
        mfa.flex_attention(Q, K, V, return_aux=flex.AuxRequest(max_scores=True))
    with pytest.raises(ValueError, match="return_aux: expected None with return_lse"):
        mfa.flex_attention(Q, K, V, return_lse=True, return_aux=flex.AuxRequest())
