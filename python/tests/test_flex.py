"""mfa.flex_attention, with functions as users of torch's FlexAttention write them,
beside torch's own."""

import math

import pytest

torch = pytest.importorskip("torch")
flex = pytest.importorskip("torch.nn.attention.flex_attention")

import mfa  # noqa: E402

B, H, S, D = 2, 4, 20, 16
WINDOW, CAP, PREFIX = 5, 3.0, 6
LENGTHS = torch.tensor([13, 20])
DOCUMENTS = torch.tensor([[0] * 6 + [1] * 9 + [2] * 5, [0] * 11 + [1] * 9])
OFFSETS = torch.tensor([0, 7, 12, 20])
SLOPES = torch.exp2(-torch.arange(1, H + 1) * 8.0 / H)
BIAS = torch.randn(H, 2 * S, generator=torch.Generator().manual_seed(1))
PARENTS = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9])
WIDTH, KERNEL = 5, 3


def make_inputs(kv_heads=H, seq_k=S, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
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
    "method": Windows(6).mask,
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
    return flex.create_block_mask(mask_mod, B, H, S, seq_k, device="cpu", BLOCK_SIZE=16)


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
