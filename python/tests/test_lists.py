"""Masks whose lists of tiles calls share: on the CPU and in simulation."""

import gc
import threading
import weakref

import mfa
import numpy as np
import pytest

LENGTH = 256
RNG = np.random.default_rng(0)
Q, K, V = (RNG.standard_normal((2, LENGTH, 2, 16)).astype("f2") for _ in range(3))
LOWER = np.tril(np.ones((1, LENGTH, LENGTH), bool))


def make_ids(parts):
    return np.repeat(np.arange(parts, dtype=np.int32), LENGTH // parts)


def attend(*arguments, target="sim", **options):
    return mfa.masked_attention(*arguments, target=target, **options)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-2, atol=4e-3)


def test_rules():
    ids = make_ids(4)
    rule = mfa.masks.causal() & mfa.masks.documents(ids)
    mask = mfa.Mask(keep=rule)
    expected = attend(Q, K, V, keep=rule, target="cpu")
    for _ in range(2):
        assert_close(attend(Q, K, V, mask), expected)
    assert len(mask.lists) == 1
    # The CPU has none.
    assert_close(attend(Q, K, V, mask, target="cpu"), expected)
    # Nor has what is of other sizes the same.
    assert_close(attend(Q[:1], K[:1], V[:1], mask), expected[:1])
    assert len(mask.lists) == 2
    assert repr(mask) == "<mfa.Mask with a rule>"


def test_what_is_written_in_place():
    """The list is the old one, as told, until it is made anew."""
    ids = make_ids(2)
    mask = mfa.Mask(keep=mfa.masks.documents(ids))
    attend(Q, K, V, mask)
    ids[:] = 0
    expected = attend(Q, K, V, target="cpu")
    assert abs(attend(Q, K, V, mask) - expected).max() > 0.1
    mask.refresh()
    assert len(mask.lists) == 0
    assert_close(attend(Q, K, V, mask), expected)


def test_rules_as_bits():
    """What a rule of many heads keeps of tiles that are tested is in the list."""
    q, k, v = (RNG.standard_normal((1, 200, 32, 64)).astype("f2") for _ in range(3))
    ids = np.arange(200, dtype=np.int32) // 37
    mask = mfa.Mask(keep=mfa.masks.documents(ids))
    kernel = mfa.compile(q, k, v, mask, target="sim", chip="sm_90a")
    expected = attend(q, k, v, keep=mfa.masks.documents(ids), target="cpu")
    for _ in range(2):
        assert_close(kernel(q, k, v, mask), expected)
    assert len(mask.lists) == 1
    # A test of pairs would read the new ones.
    ids[:] = 0
    assert_close(kernel(q, k, v, mask), expected)
    mask.refresh()
    assert_close(kernel(q, k, v, mask), attend(q, k, v, target="cpu"))


def test_copies_of_captures_are_made_anew():
    ids = make_ids(4).astype(np.int16)  # Which kernels read as int32.
    mask = mfa.Mask(keep=mfa.masks.documents(ids))
    attend(Q, K, V, mask)
    ids[:] = 0
    mask.refresh()
    assert_close(attend(Q, K, V, mask), attend(Q, K, V, target="cpu"))


@pytest.mark.parametrize("finite", [False, True])
@pytest.mark.parametrize("dtype", [bool, np.float32])
def test_arrays(dtype, finite):
    array = LOWER if dtype is bool else np.where(LOWER, 0, -np.inf).astype(dtype)
    mask = mfa.Mask(array, "always", finite=finite)
    expected = attend(Q, K, V, LOWER, target="cpu")
    for _ in range(2):
        assert_close(attend(Q, K, V, mask), expected)
        assert len(mask.lists) == 1
    # In the last key, which no query of the first tile attends to.
    values = V.copy()
    values[:, -1] = np.nan
    changed = attend(Q, K, values, mask)
    assert np.isnan(changed[:, -1]).all()
    if finite:
        assert_close(changed[:, :64], expected[:, :64])
    else:
        assert np.isnan(changed).all()
        # And not because of what was there before.
        assert_close(attend(Q, K, V, mask), expected)


def test_array_and_rule():
    ids = make_ids(2)
    array = RNG.random((2, 2, LENGTH, LENGTH)) < 0.9
    array[:, :, :, :70] = False
    mask = mfa.Mask(array, keep=mfa.masks.documents(ids))
    expected = attend(Q, K, V, array, keep=mfa.masks.documents(ids), target="cpu")
    for _ in range(2):
        assert_close(attend(Q, K, V, mask), expected)
    assert len(mask.lists) == 1


def test_scores_and_sinks_of_layers():
    """Layers have arrays of their own, which lists do not depend on."""
    mask = mfa.Mask(keep=mfa.masks.documents(make_ids(4)))
    for layer in range(3):
        options = {
            "score": mfa.scores.alibi(RNG.random(2, np.float32)),
            "sinks": RNG.random(2, np.float32),
        }
        actual = attend(Q, K, V, mask, **options)
        assert_close(actual, attend(Q, K, V, mask, target="cpu", **options))
        assert len(mask.lists) == 1


def test_functions_of_a_call():
    """A rule beside a mask without one is not known to stay what it is."""
    mask = mfa.Mask(LOWER, "always")
    ids = make_ids(4)
    for parts in (4, 2):
        ids[:] = make_ids(parts)
        rule = mfa.masks.documents(ids)
        actual = attend(Q, K, V, mask, keep=rule)
        assert_close(actual, attend(Q, K, V, LOWER, keep=rule, target="cpu"))
    assert len(mask.lists) == 0
    with pytest.raises(ValueError, match="keep: expected None beside a mask that has"):
        attend(Q, K, V, mfa.Mask(keep=rule), keep=rule)


def test_prepare():
    mask = mfa.Mask(keep=mfa.masks.documents(make_ids(4)))
    for target, count in (("cpu", 0), ("sim", 1), ("sim", 1)):
        assert mask.prepare(Q, K, V, target=target) is None
        assert len(mask.lists) == count
    expected = attend(Q, K, V, keep=mask.keep.function, target="cpu")
    assert_close(attend(Q, K, V, mask), expected)
    assert len(mask.lists) == 1
    # Head sizes that no kernel has, and a kernel without a list.
    mask.prepare(*(x[..., :13] for x in (Q, K, V)), target="sim")
    assert len(mask.lists) == 2
    mask = mfa.Mask(LOWER)
    mask.prepare(Q, K, V, target="sim")
    assert len(mask.lists) == 0


def test_compiled_kernels():
    ids = make_ids(4)
    mask = mfa.Mask(LOWER, "always", keep=mfa.masks.documents(ids))
    kernel = mfa.compile(Q, K, V, mask, target="sim")
    assert "tiles = list" in kernel.schedule and "keep {" in kernel.ir("mfa")
    expected = attend(Q, K, V, mask, target="cpu")
    for _ in range(2):
        assert_close(kernel(Q, K, V, mask), expected)
    assert len(mask.lists) == 1
    assert kernel.tiles(Q, K, V, mask).skipped > 0


def test_functions_that_are_settled():
    """As masks of mfa.transformers have them."""
    from mfa._rules import Settled

    rule = Settled(mfa.masks.documents(make_ids(4)))
    for _ in range(2):
        attend(Q, K, V, keep=rule)
    assert len(rule.lists) == 1
    attend(Q, K, V, LOWER, keep=rule)
    assert len(rule.lists) == 1
    assert len(mfa.Mask(keep=rule).lists) == 0


def test_threads():
    mask = mfa.Mask(keep=mfa.masks.documents(make_ids(4)))
    expected = attend(Q, K, V, mask, target="cpu")
    results = [None] * 4

    def run(index):
        if index == 2:
            mask.refresh()
        results[index] = attend(Q, K, V, mask)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(results))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        assert_close(result, expected)
    assert len(mask.lists) <= 1


def test_masks_end():
    ids = make_ids(4)
    mask = mfa.Mask(keep=mfa.masks.documents(ids))
    attend(Q, K, V, mask)
    lists = weakref.ref(mask.keep)
    del mask
    gc.collect()
    assert lists() is None


def test_arguments():
    with pytest.raises(TypeError, match="array: expected an array, or keep=, but got"):
        mfa.Mask()
    with pytest.raises(TypeError, match="expected an array, or an mfa.Mask of one"):
        from mfa._mask import unwrap

        unwrap(mfa.Mask(keep=mfa.masks.causal()))
    again = mfa.Mask(mfa.Mask(LOWER, "always", keep=mfa.masks.causal()))
    assert again.tiles == "always" and again.keep is not None
    assert again.shape == LOWER.shape and again.dtype == bool
    assert mfa.Mask(keep=mfa.masks.causal()).shape is None
