#!/usr/bin/env python3
"""Times other kernels of decode and prefill that are installed, for `lla bench --reference FILE`.

    lla tune --suite grid --dry-run --output json > problems.json
    python3 tests/bench/rivals.py --problems problems.json --output rivals.json
    lla bench --suite grid --reference rivals.json

Each kernel's result (of a prefill: some of its rows) is compared with a reference in fp32 first; its launches are
captured into a CUDA graph, whose replays are timed: the median of samples of about 200 microseconds or of one launch,
the last-level cache warm. Of a prefill that is the forward pass alone, without autograd. FILE grows by rows; run again
with it, what it has already is left out, so that several runs add up.

Parallax Triton's prefill tunes itself over 36 configurations for each length: it comes after everything else, and its
configurations are compiled by all cores first. At the time limit whatever runs is interrupted, between two native
calls, and the times until then are kept; Triton's own cache keeps what was compiled, for the next run.

Exit code 0 if there is a time, 1 for a bad file or flag, 4 without PyTorch or a GPU.
"""

import argparse
import collections
import importlib.metadata
import json
import multiprocessing
import os
import signal
import statistics
import sys
import time
import traceback

DEVICE = "cuda"
SAMPLE_MICROSECONDS = 200
SAMPLES = 30
MOST_LAUNCHES = 200  # In one graph.
TOLERANCE = 2e-2  # Relative RMS error of a kernel that counts as right.
MOST_FAILURES = 3  # In a row; then a kernel is not tried on further shapes.
REMINDER_SECONDS = 5  # Until an interruption that foreign code swallowed comes again.
MOST_COMPILERS = 16  # Processes; each holds a context on the device.


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


SPECIAL = ("window", "state", "output_dtype", "kv_dtype", "ragged", "page_size", "packed_queries", "packed_keys")


def row_of(problem):
    """The shape of a decode of one query, of a prefill of all, or of a chunk without a mask, that some kernel takes; or
    None."""
    mode = problem["mode"]
    full_length = {"decode": 1, "prefill": problem.get("context")}
    rows = problem.get("query_length", full_length.get(mode))
    is_chunk = mode == "prefill" and not problem.get("causal")
    plain = (
        mode in full_length
        and (rows == full_length[mode] or is_chunk)
        and problem.get("dtype", "bf16") == "bf16"
        and problem.get("probe", "given") == "given"
        and not any(problem.get(field) for field in SPECIAL)
    )
    if not plain:
        return None
    query_heads = problem.get("query_heads", 1)
    kv_heads = problem.get("kv_heads", query_heads)
    shape = {
        "batch": problem.get("batch", 1),
        "kv_heads": kv_heads,
        "group": query_heads // kv_heads,
        "context": problem["context"],
        "head_dim": problem["head_dim"],
    }
    if rows != full_length[mode]:
        shape["query_length"] = rows
    # Rows that do not say are of decode: older files have no other.
    return {"mode": mode, "causal": bool(problem.get("causal")), **shape} if mode == "prefill" else shape


def mode_of(row):
    return row.get("mode", "decode")


def is_causal(row):
    return row.get("causal", False)


def shape_of(row):
    shape = (row[field] for field in ("batch", "kv_heads", "group", "context", "head_dim"))
    return (mode_of(row), is_causal(row), rows_of_queries(row), *shape)


def title_of(row):
    mask = (" causal" if is_causal(row) else " full") if mode_of(row) == "prefill" else ""
    heads = row["kv_heads"] * row["group"]
    rows = f" rows={row['query_length']}" if "query_length" in row else ""
    sizes = f"B={row['batch']} H={heads}:{row['kv_heads']} L={row['context']} D={row['head_dim']}"
    return f"{mode_of(row)}{mask} {sizes}{rows}"


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
# Each: from (row, q, r, k, v) to a function that computes once and returns (batch, rows, heads, dim); raises where it
# is not installed or does not take the shape.


def parallax_cute(torch, row, q, r, k, v):
    from parallax.cute import parallax_attn_with_kvcache

    out = torch.empty_like(q)

    def run():
        parallax_attn_with_kvcache(q, r, k, v, out=out)
        return out

    return run


def parallax_triton(torch, row, q, r, k, v):
    from parallax.triton.parallax_decode import parallax_decode

    return lambda: parallax_decode(q, r, k, v)


def fla(torch, row, q, r, k, v):
    from fla.ops.parallax.decode import parallax_decode_one_step

    return lambda: parallax_decode_one_step(q, r, k, v)


def sdpa(backend):
    def make(torch, row, q, r, k, v):
        from torch.nn.attention import SDPBackend, sdpa_kernel

        queries, keys, values = (x.transpose(1, 2) for x in (q, k, v))
        options = {"enable_gqa": row["group"] > 1, "is_causal": is_causal(row)}

        def run():
            with sdpa_kernel(getattr(SDPBackend, backend)):
                o = torch.nn.functional.scaled_dot_product_attention(queries, keys, values, **options)
            return o.transpose(1, 2)

        return run

    return make


def parallax_triton_prefill(torch, row, q, r, k, v):
    from parallax.triton.parallax_train import parallax_func

    inputs = [x.transpose(1, 2).contiguous() for x in (q, r, k, v)]  # (batch, heads, rows, dim)
    return lambda: parallax_func(*inputs).transpose(1, 2)


def compile_stripe(row, first, step):
    """In a process of its own: every step-th configuration of Parallax Triton's prefill into Triton's cache on disk.
    Exits with the number of those that failed. One head is enough: a compiled kernel knows the group only."""
    import torch
    from parallax.triton import parallax_train

    queries, keys = (
        torch.zeros(1, heads, row["context"], row["head_dim"], device=DEVICE, dtype=torch.bfloat16)
        for heads in (row["group"], 1)
    )
    failures = 0
    for configuration in parallax_train._CONFIGS[first::step]:
        # A kernel of one configuration has nothing to tune: it is compiled and launched once, as the tuner does it.
        parallax_train._fwd_kernel.configs = [configuration]
        try:
            parallax_train.parallax_func(queries, queries, keys, keys)
            torch.cuda.synchronize()
        except Exception:  # Too much shared memory, mostly: the tuner leaves such ones out, too.
            failures += 1
    sys.exit(failures)


def compile_parallax_triton(row):
    """All configurations, by all cores: one after the other they take minutes."""
    context, count = multiprocessing.get_context("spawn"), min(os.cpu_count() or 1, MOST_COMPILERS)
    begin = time.monotonic()
    processes = [context.Process(target=compile_stripe, args=(row, i, count), daemon=True) for i in range(count)]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
    codes = [process.exitcode for process in processes]
    log(f"compiled ahead in {time.monotonic() - begin:.0f} s; configurations that failed, by process: {codes}")


def fla_prefill(torch, row, q, r, k, v):
    from fla.ops.parallax.parallel import parallel_parallax

    return lambda: parallel_parallax(q, r, k, v)


class Kernel:
    def __init__(self, make, has_probe=True, needs_causal=False, compile_ahead=None):
        self.make = make
        self.has_probe = has_probe  # Else softmax attention.
        self.needs_causal = needs_causal  # The forward passes of training have no other mask.
        self.compile_ahead = compile_ahead  # From a row; of a kernel that takes minutes to be ready: it comes last.

    def takes(self, row):
        return is_causal(row) or not self.needs_causal


SOFTMAX = {
    "fa2": Kernel(sdpa("FLASH_ATTENTION"), has_probe=False),
    "cudnn_softmax": Kernel(sdpa("CUDNN_ATTENTION"), has_probe=False),
}
KERNELS = {
    "decode": {
        **SOFTMAX,
        "fla": Kernel(fla),
        "parallax_triton": Kernel(parallax_triton),
        "parallax_cute": Kernel(parallax_cute),
    },
    "prefill": {
        **SOFTMAX,
        "fla": Kernel(fla_prefill, needs_causal=True),
        "parallax_triton": Kernel(parallax_triton_prefill, needs_causal=True, compile_ahead=compile_parallax_triton),
    },
}
NAMES = list(dict.fromkeys(name for kernels in KERNELS.values() for name in kernels))


def tasks_of(rows, names):
    """(row, names of kernels) in the order in which they are timed: what is slow to be ready after all else."""
    tasks = []
    for slow in (False, True):
        for row in rows:
            kernels = KERNELS[mode_of(row)]
            some = [
                name
                for name in names
                if name in kernels and kernels[name].takes(row) and (kernels[name].compile_ahead is not None) == slow
            ]
            if some:
                tasks.append((row, some))
    return tasks


# --- checking and timing ------------------------------------------------------


class OutOfTime(BaseException):  # No Exception: no kernel's own `except` takes it for its own.
    pass


def log(text):
    print(f"rivals: {text}", file=sys.stderr, flush=True)


def rows_of_queries(row):
    return row.get("query_length", row["context"]) if mode_of(row) == "prefill" else 1


def inputs_of(torch, row):
    generator = torch.Generator(device=DEVICE).manual_seed(0)

    def normal(rows, heads):
        return torch.randn(row["batch"], rows, heads, row["head_dim"], device=DEVICE, generator=generator,
                           dtype=torch.float32)  # fmt: skip

    def rms_normalised(x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)

    heads, queries = row["kv_heads"] * row["group"], rows_of_queries(row)
    q = rms_normalised(normal(queries, heads)).bfloat16()
    r = (rms_normalised(normal(queries, heads)) / 2).bfloat16()
    k = rms_normalised(normal(row["context"], row["kv_heads"])).bfloat16()
    v = normal(row["context"], row["kv_heads"]).bfloat16()
    return q, r, k, v


def checked_rows(row):
    """Numbers of the query rows that are compared: the first, the last, and some between."""
    count = rows_of_queries(row)
    if count <= 64:
        return list(range(count))
    between = range(16, count - 16, max(1, (count - 32) // 32))
    return [*range(16), *between, *range(count - 16, count)]


def reference_of(torch, row, has_probe, q, r, k, v):
    """The last sequence's result at the rows to check, (rows, heads, dim), one KV head at a time."""
    rows, group, dim = checked_rows(row), row["group"], row["head_dim"]
    numbers = torch.tensor(rows, device=q.device)
    positions = torch.arange(row["context"], device=q.device)
    is_hidden = positions[None, :] > numbers[:, None] if is_causal(row) else None
    results = []
    for head in range(row["kv_heads"]):
        keys, values = (x[-1, :, head].float() for x in (k, v))
        queries, probes = (x[-1, numbers, head * group : (head + 1) * group].float() for x in (q, r))
        s = torch.einsum("igd,ld->gil", queries, keys) * dim**-0.5
        if is_hidden is not None:
            s = s.masked_fill(is_hidden, float("-inf"))
        p = s.softmax(-1)
        if has_probe:
            t = torch.einsum("igd,ld->gil", probes, keys)
            p = p * (1 + (p * t).sum(-1, keepdim=True) - t)
        results.append(torch.einsum("gil,ld->igd", p, values))
    return torch.cat(results, 1)


def error_of(result, expected):
    """RMS over the rows of each row's relative error: late rows of a causal mask are small beside the first ones."""
    error = (result - expected).flatten(1).norm(dim=1) / expected.flatten(1).norm(dim=1)
    return error.pow(2).mean().sqrt().item()


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


def time_of(torch, row, name, inputs):
    """Microseconds; raises if the kernel cannot run, or is wrong."""
    kernel = KERNELS[mode_of(row)][name]
    begin = time.monotonic()
    run = kernel.make(torch, row, *inputs)
    if kernel.compile_ahead:
        try:
            kernel.compile_ahead(row)
        except Exception as error:  # Then the kernel compiles itself, slowly.
            log(f"{title_of(row)} {name}: not compiled ahead: {type(error).__name__}: {str(error)[:200]}")
    result = run()[-1, checked_rows(row)].float()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    ready = time.monotonic() - begin
    error = error_of(result, reference_of(torch, row, kernel.has_probe, *inputs))
    if not error <= TOLERANCE:
        raise RuntimeError(f"error {error:.1e}, expected at most {TOLERANCE:.0e}")
    microseconds = median_microseconds(torch, run)
    log(f"{title_of(row)} {name}: {microseconds:.1f} us, error {error:.1e}, ready in {ready:.1f} s")
    return microseconds


class Timings:
    """The file of times, and the runs that fill it."""

    def __init__(self, path):
        self.path = path
        self.known = {"unit": "microseconds", "rows": []}
        try:
            if os.path.exists(path):
                with open(path) as file:
                    self.known = json.load(file)
            self.table = {shape_of(row): row for row in self.known["rows"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            complain(1, f"output: expected a file of times, or none yet, got {path}: {type(error).__name__}: {error}")
        self.failures = collections.Counter()  # In a row, by mode and kernel.

    def write(self):
        self.known["rows"] = [row for row in self.table.values() if any(name in row for name in NAMES)]
        write_whole(self.path, self.known)

    def time_kernel(self, torch, row, name, inputs, deadline):
        key = (mode_of(row), name)
        try:
            row[name] = round(time_of(torch, row, name, inputs), 3)
            self.failures[key] = 0
        except Exception as error:  # Whatever a foreign kernel raises: it has no time, the others go on.
            if time.monotonic() > deadline:
                raise OutOfTime from error  # An interruption that came out as another error.
            self.failures[key] += 1
            log(f"{title_of(row)} {name}: {type(error).__name__}: {str(error)[:200]}")
            if self.failures[key] == 1:
                log("".join(traceback.format_tb(error.__traceback__)[-3:]))

    def time_all(self, torch, tasks, deadline):
        for row, names in tasks:
            row = self.table.setdefault(shape_of(row), row)
            missing = [name for name in names if name not in row]
            missing = [name for name in missing if self.failures[mode_of(row), name] < MOST_FAILURES]
            if not missing:
                continue
            if time.monotonic() > deadline:
                raise OutOfTime
            try:
                inputs = inputs_of(torch, row)
            except torch.cuda.OutOfMemoryError:
                log(f"{title_of(row)}: not enough memory")
                continue
            for name in missing:
                self.time_kernel(torch, row, name, inputs, deadline)
            print(json.dumps(row), flush=True)
            self.write()
            del inputs
            torch.cuda.empty_cache()

    def time_until(self, torch, tasks, seconds):
        """Those tasks that the seconds are enough for. False if some are left."""

        def interrupt(number, frame):
            raise OutOfTime

        signal.signal(signal.SIGALRM, interrupt)
        if seconds != float("inf"):
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), REMINDER_SECONDS)
        try:
            with torch.no_grad():
                self.time_all(torch, tasks, time.monotonic() + seconds)
            return True
        except OutOfTime:
            return False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.write()


def version_of(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def main():
    parser = argparse.ArgumentParser(description="Times other kernels of decode and prefill that are installed.")
    parser.add_argument("--problems", required=True, help="file of problems, or of `lla tune --dry-run --output json`")
    parser.add_argument("--output", default="rivals.json", help="file that gets the times, and keeps those it has")
    parser.add_argument("--kernels", default=",".join(NAMES), help="which, with commas (default: %(default)s)")
    parser.add_argument("--part", default="1/1", help="N/M: of each M of the problems the Nth")
    parser.add_argument("--time-limit", type=float, default=float("inf"),
                        help="seconds after which what runs is interrupted; times until then are kept")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="print the rows and kernels in order, and stop")
    flags = parser.parse_args()
    names = list(dict.fromkeys(flags.kernels.split(",")))
    if unknown := set(names) - set(NAMES):
        complain(1, f"kernels: expected some of {','.join(NAMES)}, got {','.join(sorted(unknown))}")
    try:
        with open(flags.problems) as file:
            rows = [row for row in map(row_of, part_of(problems_of(file.read()), flags.part)) if row]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        complain(1, f"problems: expected problems of lla and a part N/M, got {error!r}")
    tasks = tasks_of(rows, names)
    if not tasks:
        complain(1, "problems: expected decodes of one bf16 query or prefills of all, with a probe, that one of the "
                    f"kernels {flags.kernels} takes; got none")  # fmt: skip
    if flags.dry_run:
        for row, some in tasks:
            print(json.dumps(row), ",".join(some))
        return
    try:
        import torch
    except ImportError as error:
        complain(4, f"torch: expected PyTorch, got {error}")
    if not torch.cuda.is_available():
        complain(4, "torch: expected a CUDA device, got none")
    timings = Timings(flags.output)
    timings.known["device"] = torch.cuda.get_device_name()
    timings.known["torch"] = torch.__version__
    packages = ("torch", "triton", "parallax-kernel", "flash-linear-attention")
    log(", ".join([timings.known["device"]] + [f"{package} {version_of(package)}" for package in packages]))
    if not timings.time_until(torch, tasks, flags.time_limit):
        log("out of time; run again with the same --output")
    if not timings.known["rows"]:
        complain(1, "kernels: expected one that runs, got none")


if __name__ == "__main__":
    main()
