"""lla in one process with others that have an LLVM of their own, PyTorch (Triton) and XLA: before, between, after."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

try:
    import numpy as np
except ImportError as error:
    print(f"skipped: no NumPy ({error})")
    sys.exit(77)

import attention_reference as reference

HAS = {name: find_spec(name) is not None for name in ("torch", "triton", "jax")}
OTHERS = [name for name, is_there in HAS.items() if is_there]


def use_lla(dim):
    """A kernel that was not there; liblla's own LLVM makes and loads it."""
    import lla
    before = lla.statistics("host")["compiles"]
    q, r, k, v = reference.inputs(dim, dim=dim)
    out = lla.attention(q, r, k, v)
    assert np.abs(out - reference.attention(q, r, k, v)[0]).max() <= 5e-6
    assert lla.statistics("host")["compiles"] == before + 1


def use_torch():
    """Its code generator for the host where there is a compiler for it, else as far as that."""
    import torch
    import lla
    has_compiler = any(shutil.which(os.environ.get("CXX", name)) for name in ("g++", "clang++"))
    q, r, k, v = (torch.from_numpy(x) for x in reference.inputs(1))
    compiled = torch.compile(lambda q: torch.sin(lla.attention(2 * q, r, k, v)) + 1, fullgraph=True,
                             backend="inductor" if has_compiler else "aot_eager")
    right = np.sin(reference.attention(2 * q.numpy(), *(x.numpy() for x in (r, k, v)))[0]) + 1
    assert np.abs(compiled(q).numpy() - right).max() <= 5e-6


def use_triton():
    """To PTX, for which it needs no GPU."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    import triton_kernel
    source = ASTSource(fn=triton_kernel.double, signature={"x": "*fp32", "count": "i32", "block": "constexpr"},
                       constexprs={(2,): 128})
    assert ".visible .entry double" in triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]


def use_jax():
    import jax
    import jax.numpy as jnp
    import lla.jax
    if jax.default_backend() != "cpu":
        return
    q, r, k, v = reference.inputs(2)
    out = jax.jit(lambda q: jnp.sin(lla.jax.attention(2 * q, r, k, v)) + 1)(q)
    assert np.abs(np.asarray(out) - np.sin(reference.attention(2 * q, r, k, v)[0]) - 1).max() <= 5e-6


def child(order):
    """Everything that a library has for others is there for all, so what could be taken for another's would be."""
    flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL)
    for name in order:
        import_module(name)
    sys.setdlopenflags(flags)  # PyTorch's kernels all have the same name.
    for dim, name in zip(range(40, 256, 8), order):
        use_lla(dim) if name == "lla" else {"torch": use_torch, "triton": use_triton, "jax": use_jax}[name]()
    print(next(line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/liblla.so" in line))


class Together(unittest.TestCase):
    def run_child(self, order, **environment):
        with tempfile.TemporaryDirectory() as folder:
            caches = {"LLA_CACHE_DIR": folder, "TRITON_CACHE_DIR": folder, "TORCHINDUCTOR_CACHE_DIR": folder}
            result = subprocess.run([sys.executable, __file__, "--child", *order], capture_output=True, text=True,
                                    env={**os.environ, **caches, **environment})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result

    @unittest.skipUnless(OTHERS, "no PyTorch, no Triton, no JAX")
    def test_orders(self):
        between = ["lla", *(x for name in OTHERS for x in (name, "lla")), *OTHERS]
        for order in (between, [*OTHERS, "lla", *OTHERS, "lla"]):
            with self.subTest(order=order):
                self.run_child(order)

    @unittest.skipUnless(OTHERS, "no PyTorch, no Triton, no JAX")
    def test_without_a_worker(self):
        """All of the compiler is in the process then."""
        library = Path(self.run_child(["lla"]).stdout.strip())
        path = [one for one in os.environ["PATH"].split(os.pathsep) if not Path(one, "lla").exists()]
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(library, Path(folder, "liblla.so.0"))
            for order in (["lla", *OTHERS, "lla"], [*OTHERS, "lla", *OTHERS]):
                with self.subTest(order=order):
                    result = self.run_child(order, LD_LIBRARY_PATH=folder, PATH=os.pathsep.join(path), LLA_WORKER="")
                    self.assertEqual(result.stdout.strip(), str(Path(folder, "liblla.so.0")))
                    self.assertIn("compiling in this process", result.stderr)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    else:
        print("beside lla:", *(OTHERS or ["nothing, which is skipped"]))
        if not OTHERS:
            sys.exit(77)
        unittest.main(verbosity=1)
