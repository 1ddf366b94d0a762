"""Which tiles of keys kernels visit: how many, and who decides."""

import mfa
import numpy as np
import pytest

LENGTH = 512
SPEC = mfa.Spec((2, LENGTH, 4, 64), "f16")
LOWER = np.tril(np.ones((1, LENGTH, LENGTH), bool))


SCHEDULE = (
    "#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, "
    "stages = 2>"
)


def compile_for(*arguments, **options):
    options = {"target": "sim", "chip": "sm_80", "schedule": SCHEDULE} | options
    return mfa.compile(SPEC, SPEC, SPEC, *arguments, **options)


def test_formulas():
    """Of 8 x 8 tiles, for each of 2 batches and 4 heads."""
    counts = compile_for().tiles(SPEC, SPEC, SPEC)
    assert counts == mfa.TileCounts(skipped=0, tested=0, free=8 * 64, masked=0)
    counts = compile_for(keep=mfa.masks.causal()).tiles(SPEC, SPEC, SPEC)
    assert counts == (8 * 28, 8 * 8, 8 * 28, 0)
    kernel = compile_for(keep=mfa.masks.causal() & mfa.masks.window(127, 0))
    assert kernel.tiles(SPEC, SPEC, SPEC) == (8 * (28 + 15), 8 * (8 + 6), 8 * 7, 0)


def test_counts_lie_anywhere():
    """Arrays that are not there overlap nothing, wherever memory is free."""
    kernel, blocks = compile_for(keep=mfa.masks.causal()), []
    for number in range(60):
        blocks.append(np.zeros(1 + number % 4))
        if number % 3 == 2:
            del blocks[number // 3]
        assert kernel.tiles(SPEC, SPEC, SPEC).free == 8 * 28


def test_other_lengths_and_short_tiles():
    kernel = compile_for(return_lse=True, sinks=mfa.Spec((4,), "f32"))
    long = mfa.Spec((2, 1000, 4, 64), "f16")
    assert kernel.tiles(SPEC, long, long) == (0, 8 * 8, 8 * 8 * 15, 0)


def test_what_functions_refer_to_now():
    ids = np.repeat([[0, 1, 2, 3], [0, 0, 1, 1]], LENGTH // 4, axis=1).astype(np.int32)
    width = 63

    def keep(b, h, q, k):
        return (ids[b, q] == ids[b, k]) & (q - k <= width)

    schedule = SCHEDULE.replace(">", ", tiles = list>")
    kernel = compile_for(keep=keep, schedule=schedule)
    before = kernel.tiles(SPEC, SPEC, SPEC)
    width = 1000
    after = kernel.tiles(SPEC, SPEC, SPEC)
    assert before.skipped > after.skipped > 0
    # What is another document's is skipped.
    ids = np.zeros_like(ids)
    assert kernel.tiles(SPEC, SPEC, SPEC) == (0, 0, sum(after), 0)


@pytest.mark.parametrize("dtype", [bool, np.float32])
def test_lists_of_masks(dtype):
    mask = LOWER if dtype is bool else np.where(LOWER, 0, -np.inf).astype(dtype)
    options = {"schedule": None}
    whole = compile_for(mask, **options).tiles(SPEC, SPEC, SPEC, mask)
    assert whole == (0, 0, 0, sum(whole))
    for kernel in (
        compile_for(mask, tiles="always", **options),
        compile_for(mfa.Mask(mask, tiles="always"), **options),
    ):
        assert "tiles = list" in kernel.schedule
        counts = kernel.tiles(SPEC, SPEC, SPEC, mask)
        assert sum(counts) == sum(whole)
        assert counts.skipped >= counts.free > 0 and counts.masked > 0


@pytest.mark.parametrize("tiles", ["auto", "always", "never"])
def test_results_are_the_same(tiles):
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((1, 70, 2, 16), np.float32) for _ in range(3))
    mask = LOWER[:, :70, :70]
    expected = mfa.masked_attention(q, k, v, mask)
    for call in ({"mask": mask, "tiles": tiles}, {"mask": mfa.Mask(mask, tiles)}):
        actual = mfa.masked_attention(q, k, v, target="sim", **call)
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    # Sizes that are no multiple of 8 go another way.
    odd = [x[..., :13] for x in (q, k, v)]
    actual = mfa.masked_attention(*odd, mask, target="sim", tiles=tiles)
    expected = mfa.masked_attention(*odd, mask)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tiles", ["rules", "sometimes", 3])
def test_choices(tiles):
    message = f"tiles: expected None, 'auto', 'always' or 'never' but got {tiles!r}"
    x = np.zeros((1, 4, 1, 8), np.float32)
    for call in (
        lambda: mfa.masked_attention(x, x, x, tiles=tiles),
        lambda: mfa.compile(x, x, x, tiles=tiles),
        lambda: mfa.Mask(LOWER, tiles=tiles),
    ):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == message


def test_kernels_of_the_cpu_have_no_tiles():
    with pytest.raises(ValueError, match="expected a kernel for a GPU or its simul"):
        mfa.compile(SPEC, SPEC, SPEC, target="cpu").tiles(SPEC, SPEC, SPEC)


def test_who_counts():
    from mfa import _mfa

    problem = _mfa.Problem("f16", 64, 64)
    with pytest.raises(ValueError, match="expected the chip to count tiles for"):
        _mfa.compile_problem(problem, target=_mfa.Target.cpu, count_tiles_for="sm_1")
    with pytest.raises(ValueError, match="expected the CPU as the target that counts"):
        _mfa.compile_problem(
            problem, target=_mfa.Target.sim, chip="sm_80", count_tiles_for="sm_80"
        )
