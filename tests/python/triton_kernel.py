"""A kernel of Triton's: it reads what it compiles from a file."""

import triton
import triton.language as tl


@triton.jit
def double(x, count, block: tl.constexpr):
    i = tl.program_id(0) * block + tl.arange(0, block)
    tl.store(x + i, 2 * tl.load(x + i, i < count), i < count)
