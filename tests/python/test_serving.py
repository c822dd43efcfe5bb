"""runtime/python/examples/serving.py: on the host, and on a GPU where there is one."""

import sys
import unittest
from pathlib import Path
from unittest import mock

try:
    import torch
except ImportError as error:
    print(f"skipped: no PyTorch ({error})")
    sys.exit(77)

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "runtime/python/examples"))
import serving

SMALL = ["--layers", "2", "--heads", "4", "--kv-heads", "2", "--head-dim", "32", "--prompt", "40", "--steps", "12"]


class Serving(unittest.TestCase):
    def test_host(self):
        for more in ((), ("--page-size", "24", "--batch", "3"), ("--dtype", "bfloat16"),
                     ("--prompt", "1", "--steps", "3", "--batch", "1", "--layers", "1")):
            with self.subTest(more=more):
                self.assertEqual(serving.main(["--device", "cpu", *SMALL, *more]), 0)

    def test_an_error_is_seen(self):
        def all_the_same(cache, sequence, length):
            cache.table[sequence] = 0

        with mock.patch.object(serving.PagedCache, "resize", all_the_same):
            self.assertEqual(serving.main(["--device", "cpu", *SMALL]), 1)

    def test_pages(self):
        options = serving.parse([*SMALL, "--batch", "2"])
        cache = serving.PagedCache(options, 52, torch.device("cpu"), torch.float32, False)
        all_pages = sorted(cache.free)
        for lengths in ((40, 7), (49, 52), (16, 0), (52, 1)):
            for i, length in enumerate(lengths):
                cache.resize(i, length)
                self.assertEqual(len(cache.owned[i]), -(-length // 16))
                self.assertEqual(cache.table[i, :len(cache.owned[i])].tolist(), cache.owned[i])
            self.assertEqual(sorted(cache.free + cache.owned[0] + cache.owned[1]), all_pages)

    @unittest.skipUnless(torch.cuda.is_available(), "no GPU")
    def test_gpu(self):
        for more in ((), ("--page-size", "24"), ("--head-dim", "128", "--prompt", "700", "--steps", "40")):
            with self.subTest(more=more):
                self.assertEqual(serving.main(["--device", "cuda", *SMALL, *more]), 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
