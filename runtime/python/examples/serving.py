#!/usr/bin/env python3
"""Serves a small transformer: prompts of several lengths, then decode steps over a paged cache.

Each block has RMSNorm and RoPE on q, k and the probe r, grouped heads, and a gated MLP. A prompt is one call of
`parallax_attn_with_kvcache`, a decode step one for the whole batch; pages are handed out while sequences grow. On a GPU
a step is captured once in a CUDA graph and replayed, with lengths and page table changing in between; on the CPU it
runs eagerly. The weights are random and the tokens drawn beforehand, so that what the layers give can be compared with
the same blocks in eager fp32, without cache or pages. Beside it, the same blocks with softmax attention: by lla without
a probe, and by PyTorch's scaled_dot_product_attention over a dense cache with a mask.

    python serving.py --layers 4 --batch 32 --prompt 4096 --steps 64 --heads 32 --kv-heads 8 --head-dim 128

Exit status 1 if an error is beyond what the type explains.
"""

import argparse
import random
import sys
import time

import torch
import torch.nn.functional as F

import lla
from lla.torch import parallax_attn_with_kvcache, parallax_reference

# What is taken for right: the root of the mean square of the difference from fp32, beside that of the result.
TOLERANCE = {torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 3e-2}


class Model:
    """Weights of some blocks, and how rows go through them; attention is whoever calls `forward`'s business."""

    def __init__(self, options, device, dtype):
        self.heads, self.kv_heads, self.dim = options.heads, options.kv_heads, options.head_dim
        width, generator = options.heads * options.head_dim, torch.Generator().manual_seed(options.seed)

        def matrix(rows, columns):
            return (torch.randn(rows, columns, generator=generator) * columns**-0.5).to(device, dtype)

        def gain(value):
            return torch.full((self.dim,), value, device=device, dtype=dtype)

        kv_width = options.kv_heads * options.head_dim
        self.embedding = matrix(options.vocabulary, width) * width**0.5
        # A probe is as long as t_j = <r, k_j> is large: of about one, as in a trained model.
        self.blocks = [{"q": matrix(width, width), "r": matrix(width, width), "k": matrix(kv_width, width),
                        "v": matrix(kv_width, width), "o": matrix(width, width), "gate": matrix(4 * width, width),
                        "up": matrix(4 * width, width), "down": matrix(width, 4 * width), "q_gain": gain(1.0),
                        "k_gain": gain(1.0), "r_gain": gain(self.dim**-0.5)} for _ in range(options.layers)]
        self.frequencies = 10000.0 ** (-torch.arange(0, self.dim, 2, device=device) / self.dim)

    def in_fp32(self):
        other = object.__new__(Model)
        other.__dict__.update(self.__dict__)
        other.embedding = self.embedding.float()
        other.blocks = [{name: weight.float() for name, weight in block.items()} for block in self.blocks]
        return other

    def _norm_and_rotate(self, x, gain, positions):
        x = F.rms_norm(x, (self.dim,), gain, 1e-6).float()
        angles = (positions[..., None] * self.frequencies)[:, :, None]
        left, right = x.chunk(2, dim=-1)
        return torch.cat((left * angles.cos() - right * angles.sin(), right * angles.cos() + left * angles.sin()),
                         dim=-1).to(gain.dtype)

    def forward(self, tokens, positions, attend):
        """tokens, positions: [batch, rows]. attend(layer, q, r, k, v) is given the rows' own keys and values."""
        x = self.embedding[tokens]
        for layer, block in enumerate(self.blocks):
            normed = F.rms_norm(x, x.shape[-1:], None, 1e-6)
            q, r, k, v = (F.linear(normed, block[name]).unflatten(-1, (-1, self.dim)) for name in "qrkv")
            q, r, k = (self._norm_and_rotate(y, block[name], positions)
                       for y, name in ((q, "q_gain"), (r, "r_gain"), (k, "k_gain")))
            x = x + F.linear(attend(layer, q, r, k, v).flatten(2), block["o"])
            normed = F.rms_norm(x, x.shape[-1:], None, 1e-6)
            x = x + F.linear(F.silu(F.linear(normed, block["gate"])) * F.linear(normed, block["up"]), block["down"])
        return F.rms_norm(x, x.shape[-1:], None, 1e-6)


class PagedCache:
    """Keys and values in pages that any sequence may own; attention is lla's."""

    def __init__(self, options, most, device, dtype, is_softmax):
        self.page_size, self.is_softmax = options.page_size, is_softmax
        pages = -(-most // self.page_size)
        shape = (options.batch * pages, self.page_size, options.kv_heads, options.head_dim)
        self.pools = [(torch.zeros(shape, device=device, dtype=dtype), torch.zeros(shape, device=device, dtype=dtype))
                      for _ in range(options.layers)]
        self.table = torch.zeros(options.batch, pages, device=device, dtype=torch.int32)
        self.lengths = torch.zeros(options.batch, device=device, dtype=torch.int32)
        self.free = list(range(shape[0]))
        random.Random(options.seed).shuffle(self.free)  # Nobody's pages are neighbours.
        self.owned = [[] for _ in range(options.batch)]

    def resize(self, sequence, length):
        """Takes or gives back the pages that make the difference."""
        owned, count = self.owned[sequence], -(-length // self.page_size)
        while len(owned) > count:
            self.free.append(owned.pop())
        while len(owned) < count:
            self.table[sequence, len(owned)] = self.free[-1]
            owned.append(self.free.pop())

    def attend(self, layer, q, r, k, v, sequences, positions):
        table, lengths = self.table[sequences], self.lengths[sequences]
        slots = table.gather(1, (positions // self.page_size).long()) * self.page_size + positions % self.page_size
        for pool, new in zip(self.pools[layer], (k, v)):
            pool.flatten(0, 1).index_copy_(0, slots.flatten().long(), new.flatten(0, 1))
        return parallax_attn_with_kvcache(q, None if self.is_softmax else r, *self.pools[layer], page_table=table,
                                          seqused_k=lengths)


class DenseCache:
    """Keys and values of each sequence in a row; attention is PyTorch's."""

    def __init__(self, options, most, device, dtype):
        shape = (options.batch, options.kv_heads, -(-most // 8) * 8, options.head_dim)  # Masks are read by eights.
        self.layers = [(torch.zeros(shape, device=device, dtype=dtype), torch.zeros(shape, device=device, dtype=dtype))
                       for _ in range(options.layers)]
        self.lengths = torch.zeros(options.batch, device=device, dtype=torch.int32)
        self.columns = torch.arange(shape[2], device=device)
        self.rows = torch.arange(options.batch, device=device)

    def resize(self, sequence, length):
        pass

    def attend(self, layer, q, r, k, v, sequences, positions):
        for cache, new in zip(self.layers[layer], (k, v)):
            cache.transpose(1, 2)[self.rows[sequences, None], positions.long()] = new
        if q.shape[1] > 1:  # A prompt sees itself alone.
            q, k, v = (x.transpose(1, 2) for x in (q, k, v))
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).transpose(1, 2)
        keys, values = self.layers[layer]
        seen = (self.columns < self.lengths[:, None])[:, None, None]
        # The heads of a group as rows of one: the fast kernels take a mask, but no groups.
        grouped = q.view(q.shape[0], keys.shape[1], -1, q.shape[-1])
        return F.scaled_dot_product_attention(grouped, keys, values, seen).view(q.shape)


def right_result(model, tokens, is_softmax):
    """All rows of one sequence, in eager fp32; attention in slices of rows, for its memory."""

    def attend(layer, q, r, k, v):
        rows, slices = 256, []
        for i in range(0, q.shape[1], rows):
            keys, values = k[:, :i + rows], v[:, :i + rows]
            slices.append(parallax_reference(q[:, i:i + rows], None if is_softmax else r[:, i:i + rows], keys, values))
        return torch.cat(slices, dim=1)

    return model.forward(tokens[None], torch.arange(len(tokens), device=tokens.device)[None], attend)[0]


class Server:
    def __init__(self, model, cache, tokens, prompts):
        self.model, self.cache, self.tokens, self.prompts = model, cache, tokens, prompts
        self.everyone, self.result, self.graph = slice(0, len(prompts)), None, None

    def prefill(self):
        """The last row of each prompt."""
        last = []
        for i, length in enumerate(self.prompts):
            one, positions = slice(i, i + 1), torch.arange(length, device=self.tokens.device, dtype=torch.int32)[None]
            self.cache.resize(i, length)
            self.cache.lengths[i] = length
            rows = self.model.forward(self.tokens[one, :length], positions, lambda layer, *x: self.cache.attend(
                layer, *x, one, positions))
            last.append(rows[0, -1])
        return torch.stack(last)

    def _step(self):
        """One token more of each sequence. All that changes from step to step is read from the device."""
        positions = self.cache.lengths.clone()[:, None]
        self.cache.lengths.add_(1)
        self.result = self.model.forward(self.tokens.gather(1, positions.long()), positions, lambda layer, *x:
                                         self.cache.attend(layer, *x, self.everyone, positions))[:, 0]

    def rewind(self):
        for i, length in enumerate(self.prompts):
            self.cache.resize(i, length)
        self.cache.lengths.copy_(torch.tensor(self.prompts))

    def capture(self):
        """What a step launches, as a graph. It runs once before: a kernel that is not there yet cannot be captured."""
        if not self.tokens.is_cuda:
            return
        for i, length in enumerate(self.prompts):
            self.cache.resize(i, length + 1)
        self._step()
        self.rewind()
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self._step()

    def decode(self, steps):
        """The rows of all steps, and seconds for one."""
        results = []
        self._wait()
        start = time.perf_counter()
        for step in range(steps):
            for i, length in enumerate(self.prompts):
                self.cache.resize(i, length + step + 1)
            if self.graph:
                self.graph.replay()
            else:
                self._step()
            results.append(self.result.clone())
        self._wait()
        return results, (time.perf_counter() - start) / steps

    def _wait(self):
        if self.tokens.is_cuda:
            torch.cuda.synchronize()


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"),
                        help="default: bfloat16, on the CPU float32")
    for name, default, text in (("layers", 2, "blocks"), ("batch", 4, "sequences"),
                                ("prompt", 96, "tokens of the longest prompt; the others have a quarter of it or more"),
                                ("steps", 24, "tokens that are decoded"), ("heads", 8, "heads of q and r"),
                                ("kv-heads", 2, "heads of k and v"), ("head-dim", 64, "elements of a head"),
                                ("page-size", 16, "keys of a page"), ("vocabulary", 256, "tokens that there are"),
                                ("seed", 0, "of weights, tokens and lengths")):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} ({default})")
    options = parser.parse_args(arguments)
    for name in ("layers", "batch", "prompt", "steps"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: expected 1 or more, got {getattr(options, name)}")
    return options


@torch.no_grad()
def main(arguments):
    options = parse(arguments)
    device = torch.device(options.device)
    dtype = getattr(torch, options.dtype or ("float32" if device.type == "cpu" else "bfloat16"))
    draw = random.Random(options.seed)
    shortest = -(-options.prompt // 4)
    prompts = [options.prompt] + [draw.randint(shortest, options.prompt) for _ in range(options.batch - 1)]
    most = options.prompt + options.steps
    tokens = torch.randint(options.vocabulary, (options.batch, most), generator=torch.Generator().manual_seed(
        options.seed)).to(device)
    model = Model(options, device, dtype)
    in_fp32 = model.in_fp32()
    print(f"{options.layers} blocks, {options.heads}/{options.kv_heads} heads of {options.head_dim}, {dtype} on "
          f"{device}; {options.batch} prompts of {min(prompts)} to {max(prompts)} tokens, {options.steps} steps"
          f"{', in a CUDA graph' if device.type == 'cuda' else ''}")
    right, is_right = {}, True
    for name, is_softmax, cache in (
            ("local linear, lla, paged", False, lambda: PagedCache(options, most, device, dtype, False)),
            ("softmax, lla, paged", True, lambda: PagedCache(options, most, device, dtype, True)),
            ("softmax, PyTorch SDPA, dense", True, lambda: DenseCache(options, most, device, dtype))):
        server = Server(model, cache(), tokens, prompts)
        rows = [server.prefill()]
        server.capture()
        results, _ = server.decode(options.steps)
        server.rewind()
        again, seconds = server.decode(options.steps)  # The first time is not like the others.
        rows = torch.stack(rows + results, dim=1).float()
        is_same = all(torch.equal(a, b) for a, b in zip(results, again))
        if is_softmax not in right:
            right[is_softmax] = torch.stack([right_result(in_fp32, tokens[i, :length + options.steps], is_softmax)[
                length - 1:] for i, length in enumerate(prompts)])
        error, size = (float(x.double().square().mean()) for x in (rows - right[is_softmax], right[is_softmax]))
        relative = (error / size)**0.5
        print(f"{name:30}error {relative:.2e}   {1e3 * seconds:.3f} ms a step, "
              f"{1e6 * seconds / options.batch:.1f} us a token{'' if is_same else '   (differs when run again)'}")
        is_right &= relative <= TOLERANCE[dtype]  # False for NaN.
    if not is_right:
        print(f"error: expected at most {TOLERANCE[dtype]:.0e}, got more")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
