"""Tensors that mean something else to torch than their memory says: right, or refused
by name."""

import subprocess
import sys
import warnings

import pytest

torch = pytest.importorskip("torch")

import mfa  # noqa: E402
from conftest import make_qkv  # noqa: E402
from torch.autograd import forward_ad  # noqa: E402
from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402
from torch.nn.attention.bias import causal_lower_right  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

attend = mfa.masked_attention
Q, K, V = (torch.from_numpy(x) for x in make_qkv(kv_heads=4))
MASK = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))


def expected_of(q=Q, k=K, v=V, mask=None):
    mask = mask if mask is None or mask.dim() == 4 else mask[:, None]
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    attention = torch.nn.functional.scaled_dot_product_attention
    return attention(q, k, v, mask).transpose(1, 2)


def check(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(autouse=True)
def plain_calls_before_and_after():
    """What a call finds out about its tensors is of no use to other calls."""
    check(attend(Q, K, V), expected_of())
    yield
    check(attend(Q, K, V), expected_of())


# Traces.


@pytest.mark.parametrize("given", ["q", "k", "v", "mask"])
def test_jit_trace(given):
    arrays = {"q": Q, "k": K, "v": V, "mask": MASK}
    call = lambda x: attend(**(arrays | {given: x}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(call, (arrays[given],))
    other = arrays[given] * 2
    check(traced(other), expected_of(**(arrays | {given: other})))


def test_jit_trace_with_lse_and_out():
    def call(q):
        out, lse = torch.empty_like(Q), torch.empty(2, 4, 5)
        attend(q, K, V, out=(out, lse), return_lse=True)
        return out, lse

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Torch's own check compares the constants of two traces.
        traced = torch.jit.trace(call, (Q,), check_trace=False)
    for actual, expected in zip(traced(Q * 2), attend(Q * 2, K, V, return_lse=True)):
        check(actual, expected)


@pytest.mark.parametrize("mode", ["real", "fake", "symbolic"])
def test_make_fx(mode):
    graph = make_fx(lambda q, k, v: attend(q, k, v), tracing_mode=mode)(Q, K, V)
    check(graph(Q * 2, K, V), expected_of(Q * 2))


def test_symbolic_trace():
    graph = torch.fx.symbolic_trace(lambda q, k, v: attend(q, k, v))
    check(graph(Q * 2, K, V), expected_of(Q * 2))


# Signs and zeros that are not in memory.


@pytest.mark.parametrize("name", ["q", "k", "v", "mask"])
def test_negative_bit(name):
    arrays = {"q": Q, "k": K, "v": V, "mask": MASK}
    negated = torch._neg_view(arrays[name])
    assert negated.is_neg()
    actual = attend(**(arrays | {name: negated}))
    check(actual, expected_of(**(arrays | {name: -arrays[name]})))


def test_imaginary_part_of_a_conjugate():
    numbers = torch.complex(MASK, MASK + 1)
    mask = numbers.conj().imag
    assert mask.is_neg()
    check(attend(Q, K, V, mask), expected_of(mask=-numbers.imag))
    check(
        mfa.scaled_dot_product_attention(
            *(x.transpose(1, 2) for x in (Q, K, V)), mask[:, None]
        ).transpose(1, 2),
        expected_of(mask=-numbers.imag),
    )


def test_output_with_the_negative_bit():
    memory = torch.empty_like(Q)
    out = torch._neg_view(memory)
    assert attend(Q, K, V, out=out) is out
    check(out, expected_of())
    check(-memory, expected_of())


def test_zeros_without_memory():
    zeros = torch._efficientzerotensor(Q.shape)
    check(attend(zeros, K, V), expected_of(torch.zeros_like(Q)))


# Transforms.


def test_vmap():
    queries, masks = torch.stack((Q, Q * 2, -Q)), torch.stack((MASK, MASK * 2, -MASK))
    expected = torch.stack([expected_of(x) for x in queries])
    check(torch.vmap(lambda q: attend(q, K, V))(queries), expected)
    check(
        torch.vmap(lambda q: attend(q, K, V), in_dims=-1)(queries.movedim(0, -1)),
        expected,
    )
    expected = torch.stack([expected_of(mask=x) for x in masks])
    check(torch.vmap(lambda mask: attend(Q, K, V, mask))(masks), expected)
    expected = torch.stack([expected_of(v=x) for x in (V, V * 2)])
    check(torch.vmap(lambda v: attend(Q, K, v))(torch.stack((V, V * 2))), expected)
    # One mask for a batch of 2, in each of the mapped calls.
    expected = torch.stack([expected_of(mask=x[:1]) for x in masks])
    check(torch.vmap(lambda mask: attend(Q, K, V, mask))(masks[:, :1]), expected)


def test_vmap_with_lse_and_of_a_vmap():
    queries = torch.stack((Q, Q * 2))
    output, lse = torch.vmap(lambda q: attend(q, K, V, MASK, return_lse=True))(queries)
    for i in range(2):
        expected = attend(queries[i], K, V, MASK, return_lse=True)
        check(output[i], expected[0])
        check(lse[i], expected[1])
    nested = torch.vmap(torch.vmap(lambda q, mask: attend(q, K, V, mask), (0, None)))
    queries = queries[None].expand(3, -1, -1, -1, -1, -1)
    actual = nested(queries, MASK.expand(3, 2, 5, 7))
    check(actual, output.expand(3, -1, -1, -1, -1, -1))


def test_vmap_of_what_is_not_mapped():
    actual = torch.vmap(lambda x: attend(Q, K, V) + x)(torch.zeros(3))
    check(actual, expected_of().expand(3, -1, -1, -1, -1))


def test_functionalize():
    def call(q):
        out = torch.empty_like(q)
        attend(q, K, V, out=out)
        return out

    check(torch.func.functionalize(call)(Q), expected_of())


@pytest.mark.parametrize("name", ["q", "k", "v", "mask"])
def test_forward_gradients_are_refused(name):
    arrays = {"q": Q, "k": K, "v": V, "mask": MASK}
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(arrays[name], torch.ones_like(arrays[name]))
        with pytest.raises(RuntimeError, match=f"{name}: .* no forward-mode deriv"):
            attend(**(arrays | {name: dual}))
        check(attend(**arrays), expected_of(mask=MASK))
    with pytest.raises(RuntimeError, match=f"{name}: .* no forward-mode derivative"):
        call = lambda x: attend(**(arrays | {name: x}))
        torch.func.jvp(call, (arrays[name],), (arrays[name],))


def test_gradients_of_transforms_are_refused():
    for transform in (torch.func.grad, torch.func.jacrev):
        with pytest.raises(RuntimeError, match="q: .* has no backward"):
            transform(lambda q: attend(q, K, V).sum())(Q)
    with pytest.raises(RuntimeError, match="q: .* has no"):
        torch.func.jacfwd(lambda q: attend(q, K, V).sum())(Q)
    actual = torch.func.grad(lambda x: (attend(Q, K, V) * x).sum())(torch.ones(()))
    check(actual, expected_of().sum())


# Modes.


def test_modes_see_the_operator():
    seen = []

    class Dispatch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            seen.append(function)
            return function(*args, **(kwargs or {}))

    class Function(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            seen.append(function)
            return function(*args, **(kwargs or {}))

    with Dispatch():
        check_later = attend(Q, K, V)
    assert torch.ops.mfa.masked_attention.default in seen
    check(check_later, expected_of())
    with Function():
        check_later = attend(Q, K, V)
    assert torch.ops.mfa.masked_attention in seen
    check(check_later, expected_of())


def test_default_device_keeps_the_fast_way(monkeypatch):
    monkeypatch.setattr(mfa.torch, "call_op", None)
    with torch.device("cpu"):
        check(attend(Q, K, V), expected_of())


@pytest.mark.parametrize(
    "context", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")]
)
def test_the_fast_way_in_common_contexts(context, monkeypatch):
    """After the first call, nothing is asked in Python."""
    with context():
        attend(Q, K, V, MASK, out=torch.empty_like(Q))
        monkeypatch.setattr(mfa.torch, "call_op", None)
        monkeypatch.setattr(mfa.torch, "_is_plain", None)
        output = attend(Q, K, V, MASK, out=torch.empty_like(Q))
        assert output.dtype == torch.float32
    check(output, expected_of(mask=MASK))


def test_fake_and_meta():
    from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        arrays = [mode.from_tensor(x) for x in (Q, K, V)]
        for output in (attend(*arrays), attend(Q, K, V)):
            assert isinstance(output, FakeTensor) and output.shape == Q.shape
    output, lse = attend(*(x.to("meta") for x in (Q, K, V)), return_lse=True)
    assert output.is_meta and lse.shape == (2, 4, 5)
    wrong = [(Q, K.half(), V), (Q.double(), K.double(), V.double()), (Q, K[0], V)]
    for arrays in wrong:
        with pytest.raises((TypeError, ValueError), match="q: exp|k: exp"):
            attend(*(x.to("meta") for x in arrays))


# Types.


def test_parameters_are_plain(monkeypatch):
    monkeypatch.setattr(mfa.torch, "call_op", None)
    parameter = torch.nn.Parameter(Q, requires_grad=False)
    output = attend(parameter, K, V)
    assert type(output) is torch.Tensor
    check(output, expected_of())


def test_a_subclass_has_its_say():
    class Doubled(torch.Tensor):
        """Stands for twice its memory."""

        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            read = lambda x: x.as_subclass(torch.Tensor) * 2 if type(x) is cls else x
            return function(*map(read, args), **(kwargs or {}))

    check(attend(Q.as_subclass(Doubled), K, V), expected_of(Q * 2))
    check(attend(Q, K, V, MASK.as_subclass(Doubled)), expected_of(mask=MASK * 2))


def test_a_wrapper_has_its_say():
    class Wrapper(torch.Tensor):
        @staticmethod
        def __new__(cls, inner):
            made = torch.Tensor._make_wrapper_subclass(
                cls, inner.shape, dtype=inner.dtype
            )
            made.inner = inner
            return made

        @classmethod
        def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
            read = lambda x: x.inner if isinstance(x, cls) else x
            return cls(function(*map(read, args), **(kwargs or {})))

    output = attend(Wrapper(Q), K, V)
    assert isinstance(output, Wrapper)
    check(output.inner, expected_of())


def test_causal_bias():
    mask = torch.ones(5, 7, dtype=torch.bool).tril(2).expand(2, 1, 5, 7)
    check(attend(Q, K, V, causal_lower_right(5, 7)), expected_of(mask=mask))
    with pytest.raises(ValueError, match="mask: expected shape"):
        attend(Q, K, V, causal_lower_right(3, 7))


LAYOUTS = {
    "sparse": (lambda x: x.to_sparse(), "layout torch.sparse_coo"),
    "compressed": (lambda x: x[0, 0].to_sparse_csr(), "layout torch.sparse_csr"),
    "quantized": (
        lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
        "a quantized one",
    ),
    "nested": (lambda x: torch.nested.nested_tensor(list(x)), "a nested one"),
    "jagged": (
        lambda x: torch.nested.nested_tensor(list(x), layout=torch.jagged),
        "a nested one",
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_refused(layout):
    convert, what = LAYOUTS[layout]
    for name in ("q", "v"):
        arrays = {"q": Q, "k": K, "v": V}
        arrays[name] = convert(arrays[name])
        with pytest.raises(TypeError, match=f"{name}: expected a dense tensor.*{what}"):
            attend(**arrays)


def test_mixed_with_another_library():
    with pytest.raises(TypeError, match="k: expected a torch.Tensor, .* got ndarray"):
        attend(torch._neg_view(Q), K.numpy(), V)


def test_compiled_kernels_take_plain_tensors():
    kernel = mfa.compile(Q, K, V, target="cpu")
    check(kernel(Q, K, V), expected_of())
    with pytest.raises(TypeError, match="expected plain tensors"):
        kernel(torch._neg_view(Q), K, V)


# What is written.


def test_versions():
    out, lse = torch.empty_like(Q), torch.empty(2, 4, 5)
    attend(Q, K, V, out=out)
    assert out._version == 1
    attend(Q, K, V, out=(out, lse), return_lse=True)
    assert (out._version, lse._version) == (2, 1)
    attend(Q, K, V, out=(None, lse), return_lse=True)
    assert (out._version, lse._version) == (2, 2)
    with torch.inference_mode():
        attend(Q, K, V, out=out)
    assert out._version > 2
    assert Q._version == K._version == V._version == 0


@pytest.mark.parametrize("part", [slice(None), slice(0, 2)])
def test_autograd_notices_what_is_written(part):
    weight = torch.ones(4, *Q.shape[1:], requires_grad=True)
    saved = torch.empty(4, *Q.shape[1:])
    product = (weight * saved).sum()
    q, k, v = (torch.cat((x, x))[part] for x in (Q, K, V))
    attend(q, k, v, out=saved[part])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.backward()


def test_outputs_that_want_gradients():
    leaf = torch.empty_like(Q, requires_grad=True)
    message = "out: expected .* without requires_grad"
    for out in (leaf, leaf * 1, leaf[:]):
        with pytest.raises(RuntimeError, match=message):
            attend(Q, K, V, out=out)
    lse = torch.empty(2, 4, 5, requires_grad=True)
    with pytest.raises(RuntimeError, match="lse: expected .* without requires_grad"):
        attend(Q, K, V, out=(None, lse), return_lse=True)
    with torch.no_grad():
        check(attend(Q, K, V, out=leaf), expected_of())
    with pytest.raises(RuntimeError, match=message):
        attend(torch._neg_view(Q), K, V, out=leaf)


def test_outputs_of_inference_mode():
    with torch.inference_mode():
        out = torch.empty_like(Q)
        check(attend(Q, K, V, out=out), expected_of())
    with pytest.raises(RuntimeError, match="out: .* torch.inference_mode"):
        attend(Q, K, V, out=out)
    check(attend(out, K, V), expected_of(out.clone()))


# Other versions of torch.

PRIVATE = [
    "torch._C._dynamo.guards.TensorGuards",
    "torch._C._dispatch_keys",
    "torch._C._increment_version",
    "torch._C._len_torch_dispatch_stack",
    "torch.library.register_vmap",
    "torch.Tensor.__dlpack_c_exchange_api__",
]


@pytest.mark.parametrize("name", PRIVATE)
def test_without_what_torch_does_not_document(name):
    program = f"""
import torch
public = torch._C._increment_version
import torch.autograd.graph
torch.autograd.graph.increment_version = lambda x: public((x,))
del {name}
import mfa
q = torch.ones(1, 4, 2, 8)
out = torch.empty_like(q)
for _ in range(2):
    assert (mfa.masked_attention(q, q, q, out=out) == 1).all()
    assert (mfa.masked_attention(q, q, torch._neg_view(q)) == -1).all()
assert out._version == 2
"""
    subprocess.run([sys.executable, "-c", program], check=True)
