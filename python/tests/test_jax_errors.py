"""What is said of calls inside of jax.jit that cannot be."""

import threading

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import mfa  # noqa: E402
import mfa.jax  # noqa: E402
from conftest import assert_close, normal, reference  # noqa: E402
from jax_programs import arrays  # noqa: E402

pytestmark = pytest.mark.usefixtures("jax_on_cpu")


def message_of(kind, function, *arguments):
    with pytest.raises(kind) as raised:
        function(*arguments)
    return str(raised.value)


# Said while JAX traces: as of arrays with data.


WRONG = [
    {"v": (2, 6, 2, 16)},
    {"k": (2, 7, 3, 16), "v": (2, 7, 3, 16)},
    {"k": (2, 7, 2, 8)},
    {"q": (2, 5, 4)},
    {"q": (2, 5, 4, 257), "k": (2, 7, 2, 257)},
    {"mask": (2, 5, 6)},
    {"sinks": (3,)},
    {"k": np.zeros((2, 7, 2, 16), np.float16)},
    {"q": np.zeros((2, 5, 4, 16), np.int32)},
    {"sinks": np.zeros(4, np.float16)},
    {"k": 5.0},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_arguments(wrong):
    arguments = dict(zip("qkv", arrays())) | {
        name: jnp.zeros(x) if isinstance(x, tuple) else x for name, x in wrong.items()
    }
    expected = message_of(
        (TypeError, ValueError), lambda: mfa.masked_attention(**arguments)
    )
    mapped = {name: x for name, x in arguments.items() if hasattr(x, "shape")}
    others = {name: x for name, x in arguments.items() if name not in mapped}
    traced = message_of(
        (TypeError, ValueError),
        jax.jit(lambda mapped: mfa.masked_attention(**mapped, **others)),
        mapped,
    )
    assert traced == expected


def test_outputs():
    q, k, v = arrays()
    attend = jax.jit(lambda q: mfa.masked_attention(q, k, v, out=q))
    assert message_of(ValueError, attend, q) == (
        "out: expected None, as arrays that JAX traces cannot be written, but got an "
        "array; jax.jit reuses the memory of arguments that are donated"
    )


def test_scales():
    q, k, v = arrays()
    attend = jax.jit(lambda scale: mfa.masked_attention(q, k, v, scale=scale))
    assert message_of(ValueError, attend, jnp.zeros(3)) == (
        "scale: expected a number but got an array of shape (3,)"
    )
    attend = jax.jit(lambda q: mfa.masked_attention(q, k, v, scale="large"))
    assert message_of(TypeError, attend, q) == (
        "scale: expected a number but got 'large'"
    )


def test_compiled_kernel():
    q, k, v = arrays()
    kernel = mfa.compile(q, k, v, target="cpu")
    assert message_of(TypeError, jax.jit(kernel), q, k, v) == (
        "expected arrays with data, as a compiled kernel reads their memory, but got "
        "ones that JAX traces; call mfa.masked_attention instead"
    )


def differentiated(name):
    return (
        f"{name}: expected an array without derivatives, as masked attention has none, "
        "but got one by which JAX differentiates; pass jax.lax.stop_gradient of it, or "
        "use jax.nn.dot_product_attention where gradients are wanted"
    )


@pytest.mark.parametrize("which", range(3))
def test_gradients(which):
    given = arrays()

    def loss(*qkv):
        return mfa.masked_attention(*qkv).sum()

    for gradient in (jax.grad(loss, which), jax.jit(jax.grad(loss, which))):
        said = message_of(RuntimeError, gradient, *given)
        assert said == differentiated("qkv"[which])
    zeros = tuple(map(jnp.zeros_like, given))
    for transform in (
        lambda: jax.jvp(loss, given, zeros),
        lambda: jax.linearize(loss, *given),
        lambda: jax.vjp(jax.checkpoint(loss), *given),
        lambda: jax.grad(jax.vmap(mfa.masked_attention))(*(x[None] for x in given)),
        lambda: jax.hessian(loss)(*given),
    ):
        assert message_of(RuntimeError, transform) == differentiated("q")


def test_gradients_of_captures():
    q, k, v = arrays()
    slopes = jnp.asarray(normal(5, 4))

    def loss(slopes, scale):
        score = mfa.scores.alibi(slopes)
        return mfa.masked_attention(q, k, v, score=score, scale=scale).sum()

    assert message_of(RuntimeError, jax.grad(loss), slopes, 1.0) == differentiated(
        "slopes"
    )
    assert message_of(RuntimeError, jax.grad(loss, 1), slopes, 1.0) == differentiated(
        "scale"
    )


def test_gradients_around():
    """What is differentiated may hold attention through which no derivative goes."""
    q, k, v = arrays()

    def loss(q, ids):
        output = mfa.masked_attention(
            jax.lax.stop_gradient(q), k, v, keep=mfa.masks.lengths(ids)
        )
        return (output * q).sum()

    ids = jnp.asarray([7, 7])
    for gradient in (jax.grad(loss), jax.jit(jax.grad(loss))):
        assert_close(gradient(q, ids), reference(q, k, v)[0])


# Said when the call runs, by XLA.


def call(*arguments, outputs=None, **attributes):
    """The call of XLA as mfa.jax makes it, with other arguments and attributes."""
    q, _, v = (*arguments, None, None, None)[:3]
    if outputs is None:
        outputs = [jax.ShapeDtypeStruct((*q.shape[:3], v.shape[3]), q.dtype)]
    expected = {"mask": False, "sinks": False, "rules": "", "target": "", "tiles": ""}
    kept = {
        name: value
        for name, value in (expected | attributes).items()
        if value is not None
    }
    made = jax.ffi.ffi_call(mfa.jax.TARGET, outputs)(*arguments, **kept)
    return jax.block_until_ready(made)


def said_by_xla(*arguments, **options):
    text = message_of(jax.errors.JaxRuntimeError, lambda: call(*arguments, **options))
    status, colon, text = text.partition(": mfa.masked_attention: ")
    assert colon, text
    return status, text.partition("\n")[0]


def test_calls_by_hand():
    """Of which XLA knows no forms when it makes the executable."""
    q, k, v = arrays()
    assert_close(call(q, k, v)[0], reference(q, k, v)[0])


LISTED = "expected forms of a type, a rank and as many sizes, as mfa.jax writes"


def test_forms_when_compiled():
    q, k, v = arrays()
    good = {
        "arguments": mfa.jax._forms([q, k, v]),
        "results": mfa.jax._forms([q]),
    }
    assert_close(call(q, k, v, **good)[0], reference(q, k, v)[0])
    for change, text in (
        ({"arguments": good["arguments"][:-1]}, LISTED),
        ({"arguments": np.array([11, 2**60, 1])}, LISTED),
        ({"arguments": np.array([11, -1])}, LISTED),
        ({"arguments": np.array([11])}, LISTED),
        (
            {"arguments": mfa.jax._forms([q, k])},
            "v: expected it among the arguments but got 2",
        ),
        (
            {"arguments": mfa.jax._forms([q, k, v[:, 1:]])},
            "v: expected length 7, as of k, but got 6 in shape (2, 6, 2, 16)",
        ),
        ({"results": None}, "out: expected it among the results but got 0"),
    ):
        status, said = said_by_xla(q, k, v, **(good | change))
        assert (status, said) == ("INVALID_ARGUMENT", text)


@pytest.mark.parametrize(
    "change, text",
    [
        (
            {"v": (2, 6, 2, 16)},
            "v: expected length 7, as of k, but got 6 in shape (2, 6, 2, 16)",
        ),
        ({"q": (2, 5, 4)}, "q: expected rank 4 but got rank 3"),
        ({"q": (2, 5, 4, 16, 1)}, "q: expected rank 4 but got rank 5"),
        (
            {"q": (2, 5, 4, 12), "k": (2, 7, 2, 12)},
            "expected head sizes that are multiples of 8, as mfa.jax makes them, but "
            "got 12 and 16",
        ),
    ],
)
def test_shapes(change, text):
    given = dict(zip("qkv", arrays())) | {
        name: jnp.zeros(shape) for name, shape in change.items()
    }
    outputs = [jax.ShapeDtypeStruct((2, 5, 4, 16), jnp.float32)]
    assert said_by_xla(*given.values(), outputs=outputs) == ("INVALID_ARGUMENT", text)


def test_forms():
    q, k, v = arrays()
    f32 = jnp.float32
    good = jax.ShapeDtypeStruct(q.shape, f32)
    cases = [
        ((q, k), {"outputs": [good]}, "v: expected it among the arguments but got 2"),
        ((q, k, v, v), {}, "expected 0 captures, as the rules have, but got 1"),
        (
            (q.astype(jnp.int8), k, v),
            {"outputs": [good]},
            "q: expected elements of type f16, bf16 or f32 but got XLA's type 2",
        ),
        (
            (q, k.astype(jnp.bfloat16), v),
            {},
            "k: expected elements of type f32, as of q, but got bf16",
        ),
        (
            (q, k, v),
            {"outputs": [jax.ShapeDtypeStruct((2, 5, 4, 8), f32)]},
            "out: expected shape (2, 5, 4, 16) but got (2, 5, 4, 8)",
        ),
        (
            (q, k, v),
            {"outputs": [good, jax.ShapeDtypeStruct((2, 5, 4), f32)]},
            "lse: expected shape (2, 4, 5) but got (2, 5, 4)",
        ),
        ((q, k, v), {"outputs": [good] * 3}, "lse: expected rank 3 but got rank 4"),
        ((q, k, v), {"mask": True}, "mask: expected it among the arguments but got 3"),
    ]
    for arguments, options, text in cases:
        assert said_by_xla(*arguments, **options) == ("INVALID_ARGUMENT", text)


def test_attributes():
    q, k, v = arrays()
    for options, name, expected in (
        ({"mask": None}, "mask", "a bool"),
        ({"mask": 2}, "mask", "a bool"),
        ({"rules": None}, "rules", "a text"),
        ({"rules": 2}, "rules", "a text"),
        ({"scale": 2}, "scale", "an f32"),
        ({"integers": np.zeros(2, np.int32)}, "integers", "an array of i64"),
        ({"numbers": np.zeros(2, np.float32)}, "numbers", "an array of f64"),
    ):
        assert said_by_xla(q, k, v, **options) == (
            "INVALID_ARGUMENT",
            f"expected an attribute '{name}', {expected}, as mfa.jax writes",
        )


@pytest.mark.parametrize(
    "options, text",
    [
        (
            {"target": "cuda"},
            "target: expected one for arrays on cpu, 'cpu' or 'sim', but got 'cuda'",
        ),
        (
            {"target": "tpu"},
            "target: expected 'cpu', 'sim' or 'cuda' but got 'tpu'",
        ),
        (
            {"tiles": "some"},
            "tiles: expected None, 'auto', 'always' or 'never' but got 'some'",
        ),
    ],
)
def test_choices(options, text):
    q, k, v = arrays()
    assert said_by_xla(q, k, v, **options) == ("INVALID_ARGUMENT", text)
    status, said = message_of(
        jax.errors.JaxRuntimeError,
        lambda: jax.block_until_ready(
            jax.jit(lambda *qkv: mfa.masked_attention(*qkv, **options))(q, k, v)
        ),
    ).split(": mfa.masked_attention: ")
    assert (status, said.partition("\n")[0]) == ("INVALID_ARGUMENT", text)


def test_rules_that_do_not_compile():
    q, k, v = arrays()
    status, text = said_by_xla(q, k, v, rules="func.func @keep() -> i1 {")
    assert status == "INVALID_ARGUMENT" and text.startswith("rules: ")
    # The next one is as good as ever.
    assert_close(call(q, k, v)[0], reference(q, k, v)[0])


def test_compiler_that_fails(monkeypatch, cache_dir):
    q, k, v = arrays()

    def fail(*arguments, **options):
        raise RuntimeError("the compiler failed")

    attend = jax.jit(mfa.masked_attention)
    with monkeypatch.context() as patched:
        patched.setattr(mfa._kernels, "get_kernel", fail)
        # The extension keeps the function that it found first.
        patched.setattr(mfa._mfa, "compile_problem", fail)
        text = message_of(
            jax.errors.JaxRuntimeError,
            lambda: jax.block_until_ready(attend(q, k, v)),
        )
    assert "INTERNAL: mfa.masked_attention: the compiler failed" in text
    assert_close(attend(q, k, v), reference(q, k, v)[0])


def test_captures_of_other_types():
    q, k, v = arrays()
    rules, _ = mfa._rules.bind(
        mfa.masks.lengths(np.array([3, 5], np.int32)), None, np.zeros(1)
    )
    status, text = said_by_xla(q, k, v, jnp.zeros(2), rules=rules.text)
    assert (status, text) == (
        "INVALID_ARGUMENT",
        "k_lengths: expected an array of i32 of rank 1, for which the rules were "
        "written, but got an array of f32 of rank 1",
    )


def test_index_out_of_bounds():
    """Checks of the program become errors of XLA."""
    q, k, v = arrays()
    lengths = jnp.asarray([3, 3])
    attend = jax.jit(
        lambda *qkv: mfa.masked_attention(
            *qkv, keep=lambda b, h, q, k: k < lengths[b + 1], target="sim"
        )
    )
    text = message_of(
        jax.errors.JaxRuntimeError, lambda: jax.block_until_ready(attend(q, k, v))
    )
    assert "mfa.masked_attention: " in text and "'lengths'" in text


def test_arrays_that_are_too_small():
    """Of those that are read at positions the shapes are looked at in the trace."""
    q, k, v = arrays()
    lengths = jnp.asarray([3])  # of one batch
    attend = jax.jit(
        lambda *qkv: mfa.masked_attention(*qkv, keep=mfa.masks.lengths(lengths))
    )
    text = message_of(ValueError, lambda: attend(q, k, v))
    assert text.startswith(
        "k_lengths: expected shape (2,) or larger, as it is read for each batch, head, "
        "query or key, but got (1,)"
    )


def test_many_threads():
    """A kernel that is not known is compiled once, whoever asks."""
    q, k, v = arrays(dim=24)
    attend = jax.jit(mfa.masked_attention)
    mfa._kernels.forget()
    outputs = [None] * 8

    def work(i):
        outputs[i] = attend(q + i, k, v)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, output in enumerate(outputs):
        assert_close(output, reference(q + i, k, v)[0])
    assert len(mfa._kernels._kernels) == 1
