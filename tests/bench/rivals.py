#!/usr/bin/env python3
"""Times other decode kernels that are installed, for `lla bench --reference FILE`.

    lla tune --suite grid --dry-run --output json > problems.json
    python3 tests/bench/rivals.py --problems problems.json --output rivals.json
    lla bench --suite grid --reference rivals.json

Each kernel's result is compared with a reference in fp32 first; its launches are captured into a CUDA graph, whose
replays are timed: the median of samples of about 200 microseconds, the last-level cache warm. FILE grows by rows; run
again with it, what it has already is left out, so that several runs add up.

Exit code 0 if there is a time, 1 for a bad file or flag, 4 without PyTorch or a GPU.
"""

import argparse
import json
import os
import statistics
import sys
import time

SAMPLE_MICROSECONDS = 200
SAMPLES = 30
MOST_LAUNCHES = 200  # In one graph.
TOLERANCE = 2e-2  # Relative RMS error of a kernel that counts as right.


def complain(code, text):
    print(f"rivals: {text}", file=sys.stderr)
    sys.exit(code)


# --- problems and rows --------------------------------------------------------


def problems_of(text):
    """Problems of `lla`: one a line, or the plans of `lla tune --dry-run --output json`."""
    try:
        whole = json.loads(text)
        objects = whole if isinstance(whole, list) else [whole]
    except ValueError:
        objects = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [each.get("problem", each) for each in objects]


def row_of(problem):
    """The shape of a decode that the kernels take, or None."""
    plain = (
        problem["mode"] == "decode"
        and problem.get("query_length", 1) == 1
        and problem.get("dtype", "bf16") == "bf16"
        and problem.get("probe", "given") == "given"
        and not any(problem.get(field) for field in ("window", "state", "output_dtype", "ragged", "page_size"))
    )
    if not plain:
        return None
    query_heads = problem.get("query_heads", 1)
    kv_heads = problem.get("kv_heads", query_heads)
    return {
        "batch": problem.get("batch", 1),
        "kv_heads": kv_heads,
        "group": query_heads // kv_heads,
        "context": problem["context"],
        "head_dim": problem["head_dim"],
    }


def shape_of(row):
    return tuple(row[field] for field in ("batch", "kv_heads", "group", "context", "head_dim"))


def part_of(items, part):
    number, count = (int(x) for x in part.split("/"))
    if not 1 <= number <= count:
        raise ValueError(part)
    return items[number - 1 :: count]


def write_whole(path, value):
    with open(path + ".new", "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


# --- kernels ------------------------------------------------------------------
# Each: from (q, r, k, v) to a function that computes once and returns (batch, 1, heads, dim); raises where it is not
# installed or does not take the shape.


def parallax_cute(torch, q, r, k, v):
    from parallax.cute import parallax_attn_with_kvcache

    out = torch.empty_like(q)

    def run():
        parallax_attn_with_kvcache(q, r, k, v, out=out)
        return out

    return run


def parallax_triton(torch, q, r, k, v):
    from parallax.triton.parallax_decode import parallax_decode

    return lambda: parallax_decode(q, r, k, v)


def fla(torch, q, r, k, v):
    from fla.ops.parallax.decode import parallax_decode_one_step

    return lambda: parallax_decode_one_step(q, r, k, v)


def sdpa(backend):
    def make(torch, q, r, k, v):
        from torch.nn.attention import SDPBackend, sdpa_kernel

        queries, keys, values = (x.transpose(1, 2) for x in (q, k, v))
        is_grouped = q.shape[2] != k.shape[2]

        def run():
            with sdpa_kernel(getattr(SDPBackend, backend)):
                o = torch.nn.functional.scaled_dot_product_attention(queries, keys, values, enable_gqa=is_grouped)
            return o.transpose(1, 2)

        return run

    return make


KERNELS = {
    "fa2": (sdpa("FLASH_ATTENTION"), False),
    "cudnn_softmax": (sdpa("CUDNN_ATTENTION"), False),
    "fla": (fla, True),
    "parallax_triton": (parallax_triton, True),
    "parallax_cute": (parallax_cute, True),
}  # Second: takes the probe (else softmax attention).


# --- timing -------------------------------------------------------------------


def inputs_of(torch, row):
    generator = torch.Generator(device="cuda").manual_seed(0)

    def normal(rows, heads):
        return torch.randn(row["batch"], rows, heads, row["head_dim"], device="cuda", generator=generator,
                           dtype=torch.float32)  # fmt: skip

    def rms_normalised(x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)

    queries = row["kv_heads"] * row["group"]
    q = rms_normalised(normal(1, queries)).bfloat16()
    r = (rms_normalised(normal(1, queries)) / 2).bfloat16()
    k = rms_normalised(normal(row["context"], row["kv_heads"])).bfloat16()
    v = normal(row["context"], row["kv_heads"]).bfloat16()
    return q, r, k, v


def reference_of(torch, q, r, k, v, has_probe):
    """The last sequence's result, (heads, dim)."""
    group = q.shape[2] // k.shape[2]
    keys, values = (x[-1].float().repeat_interleave(group, 1) for x in (k, v))
    s = torch.einsum("hd,lhd->hl", q[-1, 0].float(), keys) * q.shape[3] ** -0.5
    p = s.softmax(-1)
    if has_probe:
        t = torch.einsum("hd,lhd->hl", r[-1, 0].float(), keys)
        p = p * (1 + (p * t).sum(-1, keepdim=True) - t)
    return torch.einsum("hl,lhd->hd", p, values)


def graph_of(torch, run, launches):
    stream = torch.cuda.Stream()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph, stream=stream):
            for _ in range(launches):
                run()
    return graph


def replay_microseconds(torch, graph):
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    graph.replay()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) * 1e3


def median_microseconds(torch, run):
    graph = graph_of(torch, run, 1)
    for _ in range(3):
        graph.replay()
    one = min(replay_microseconds(torch, graph) for _ in range(5))
    launches = max(1, min(MOST_LAUNCHES, round(SAMPLE_MICROSECONDS / max(one, 1e-3))))
    graph = graph_of(torch, run, launches)
    for _ in range(3):
        graph.replay()
    return statistics.median(replay_microseconds(torch, graph) / launches for _ in range(SAMPLES))


def time_of(torch, name, inputs):
    """Microseconds; raises if the kernel cannot run, or is wrong."""
    make, has_probe = KERNELS[name]
    run = make(torch, *inputs)
    result = run()[-1, 0].float()
    torch.cuda.synchronize()
    expected = reference_of(torch, *inputs, has_probe)
    error = ((result - expected).norm() / expected.norm()).item()
    if not error <= TOLERANCE:
        raise RuntimeError(f"error {error:.1e}, expected at most {TOLERANCE:.0e}")
    return median_microseconds(torch, run)


def main():
    parser = argparse.ArgumentParser(description="Times other decode kernels that are installed.")
    parser.add_argument("--problems", required=True, help="file of problems, or of `lla tune --dry-run --output json`")
    parser.add_argument("--output", default="rivals.json", help="file that gets the times, and keeps those it has")
    parser.add_argument("--kernels", default=",".join(KERNELS), help="which, with commas (default: %(default)s)")
    parser.add_argument("--part", default="1/1", help="N/M: of each M of the problems the Nth")
    parser.add_argument("--time-limit", type=float, default=float("inf"), help="seconds after which no row is begun")
    parser.add_argument("--dry-run", action="store_true", help="print the rows that would be timed, and stop")
    flags = parser.parse_args()
    names = flags.kernels.split(",")
    if unknown := set(names) - set(KERNELS):
        complain(1, f"kernels: expected some of {','.join(KERNELS)}, got {','.join(sorted(unknown))}")
    try:
        with open(flags.problems) as file:
            rows = [row for row in map(row_of, part_of(problems_of(file.read()), flags.part)) if row]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        complain(1, f"problems: expected problems of lla and a part N/M, got {error!r}")
    if not rows:
        complain(1, "problems: expected decodes of one bf16 query with a probe, got none")
    if flags.dry_run:
        print("\n".join(map(json.dumps, rows)))
        return
    known = {"unit": "microseconds", "rows": []}
    if os.path.exists(flags.output):
        with open(flags.output) as file:
            known = json.load(file)
    try:
        import torch
    except ImportError as error:
        complain(4, f"torch: expected PyTorch, got {error}")
    if not torch.cuda.is_available():
        complain(4, "torch: expected a CUDA device, got none")
    known["device"] = torch.cuda.get_device_name()
    known["torch"] = torch.__version__
    table = {shape_of(row): row for row in known["rows"]}
    failures = {}
    begin = time.monotonic()
    for row in rows:
        row = table.setdefault(shape_of(row), row)
        missing = [name for name in names if name not in row and failures.get(name, 0) < 3]
        if not missing:
            continue
        if time.monotonic() - begin > flags.time_limit:
            print("rivals: out of time; run again with the same --output", file=sys.stderr)
            break
        try:
            inputs = inputs_of(torch, row)
        except torch.cuda.OutOfMemoryError:
            print(f"{shape_of(row)}: not enough memory", file=sys.stderr)
            continue
        for name in missing:
            try:
                row[name] = round(time_of(torch, name, inputs), 3)
                failures[name] = 0
            except Exception as error:  # Whatever a foreign kernel raises: it has no time, the others go on.
                failures[name] = failures.get(name, 0) + 1
                print(f"{shape_of(row)} {name}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
        print(json.dumps(row), flush=True)
        known["rows"] = [each for each in table.values() if any(name in each for name in KERNELS)]
        write_whole(flags.output, known)
        del inputs
        torch.cuda.empty_cache()
    if not known["rows"]:
        complain(1, "kernels: expected one that runs, got none")


if __name__ == "__main__":
    main()
