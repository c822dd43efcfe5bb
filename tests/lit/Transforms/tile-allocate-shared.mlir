// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-allocate-shared))' 2>/dev/null | FileCheck %s
// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-allocate-shared))' 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// Slots in program order, each ring at a multiple of 1024 bytes, then 16 bytes of barriers per slot:
// 64 * 128 = 8192, 2 * 3 * 40 * 128 = 30720, together 38912 + 16 + 48.
// CHECK-LABEL: tile.kernel @rings
// CHECK-SAME: shared_bytes = 38976 : i64
// CHECK: tile.ring {barrier_offset = 38912 : i64, offset = 0 : i64} : <1 x
// CHECK: tile.ring {barrier_offset = 38928 : i64, offset = 8192 : i64} : <3 x
// REMARK: remark: 38976 bytes of shared memory
tile.kernel @rings attributes {warps = 4, producer_warps = 4, shared_limit = 38976} {
  %once = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>]>
  %ring = tile.ring : <3 x [!tile.shared<40 x 64 x bf16>, !tile.shared<40 x 64 x bf16>]>
}

// 8 rows of 64 columns are 1024 bytes; 24 rows are 3072, so the next ring needs no padding either.
// CHECK-LABEL: tile.kernel @small_rings
// CHECK: tile.ring {barrier_offset = 7168 : i64, offset = 0 : i64} : <1 x
// CHECK: tile.ring {barrier_offset = 7184 : i64, offset = 1024 : i64} : <2 x
tile.kernel @small_rings attributes {warps = 4, producer_warps = 4, shared_limit = 8192} {
  %a = tile.ring : <1 x [!tile.shared<8 x 64 x bf16>]>
  %b = tile.ring : <2 x [!tile.shared<24 x 64 x bf16>]>
}

// Ones, 16 * 128 = 2048, stand behind all slots, although they come first in the program, and before the barriers:
// 64 * 128 + 3 * 2 * 40 * 128 = 38912 of slots.
// CHECK-LABEL: tile.kernel @ones
// CHECK-SAME: shared_bytes = 41024 : i64
// CHECK: tile.ones {offset = 38912 : i64} : <16 x 64 x bf16>
// CHECK: tile.ring {barrier_offset = 40960 : i64, offset = 0 : i64} : <1 x
// CHECK: tile.ring {barrier_offset = 40976 : i64, offset = 8192 : i64} : <3 x
// REMARK: remark: 41024 bytes of shared memory
tile.kernel @ones attributes {warps = 4, producer_warps = 4, shared_limit = 41024} {
  %ones = tile.ones : <16 x 64 x bf16>
  %once = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>]>
  %ring = tile.ring : <3 x [!tile.shared<40 x 64 x bf16>, !tile.shared<40 x 64 x bf16>]>
}

// Notes stand behind all slots of their ring: 2 * 16 * 128 + 2 * 272 = 4640. The next tiles begin at a multiple of 1024,
// 5120; a ring of notes alone at one of 16, 5120 + 3 * 1024 + 3 * 16 = 8240; then the next tiles at 9216 again. Barriers
// follow the last, at 10240: 32, 48, 16 and 16 bytes.
// CHECK-LABEL: tile.kernel @notes
// CHECK-SAME: shared_bytes = 10352 : i64
// CHECK: tile.ring {barrier_offset = 10240 : i64, offset = 0 : i64} : <2 x {{.*}}, notes = 272>
// CHECK: tile.ring {barrier_offset = 10272 : i64, offset = 5120 : i64} : <3 x {{.*}}, notes = 16>
// CHECK: tile.ring {barrier_offset = 10320 : i64, offset = 8240 : i64} : <1 x [], notes = 512>
// CHECK: tile.ring {barrier_offset = 10336 : i64, offset = 9216 : i64} : <1 x [!tile.shared<8 x 64 x bf16>]>
// REMARK: remark: 10352 bytes of shared memory
tile.kernel @notes attributes {warps = 8, producer_warps = 4, shared_limit = 10352} {
  %a = tile.ring : <2 x [!tile.shared<16 x 64 x bf16>], notes = 272>
  %b = tile.ring : <3 x [!tile.shared<8 x 64 x bf16>], notes = 16>
  %c = tile.ring : <1 x [], notes = 512>
  %d = tile.ring : <1 x [!tile.shared<8 x 64 x bf16>]>
}

!row = !tile.frag<8 x 1 x f32, row>
!half = !tile.frag<8 x 64 x f32, columns>
!flat = !tile.frag<4 x 64 x f32, flat, threads = 128>

// Over warps: 4 warps * 4 rows * (2 * 64 values + 4 statistics) * 4 bytes = 8448; over the grid one flag behind it.
// CHECK-LABEL: tile.kernel @merges
// CHECK-SAME: shared_bytes = 8464 : i64
// CHECK: tile.merge over warps {{.*}} key_warps = 4 : i64, offset = 0 : i64
// CHECK: tile.merge over grid {{.*}} key_warps = 4 : i64, offset = 8448 : i64
tile.kernel @merges attributes {warps = 4, shared_limit = 8464} {
  %m = tile.fill 0.0 : <8 x 1 x f32, row>
  %o = tile.fill 0.0 : <8 x 64 x f32, columns>
  %w:6, %0 = tile.merge over warps %m, %m, %o, d2 %m, c %m, o2 %o {columns = 64, key_warps = 4, rows = 4}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns>, !row, !row, !half
    -> !flat, !flat, !flat, !flat, !flat, !flat
  %g:6, %1 = tile.merge over grid %w#0, %w#1, %w#2, d2 %w#3, c %w#4, o2 %w#5 {columns = 64, key_warps = 4, rows = 4}
    : <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>,
      !flat, !flat, !flat -> !flat, !flat, !flat, !flat, !flat, !flat
}

// Over a cluster of 4: of each CTA 4 rows' statistics and 64 of 256 elements, 4 * (4 * 16 + 64 * 8), and a barrier.
// CHECK-LABEL: tile.kernel @merge_cluster
// CHECK-SAME: shared_bytes = 10784 : i64
// CHECK: tile.merge over warps {{.*}} offset = 0 : i64
// CHECK: tile.merge over cluster {{.*}} offset = 8448 : i64
// CHECK: tile.merge over grid {{.*}} offset = 10768 : i64
!wide = !tile.frag<4 x 64 x f32, flat, threads = 512>
tile.kernel @merge_cluster attributes {warps = 4, cluster = 4, shared_limit = 10784} {
  %m = tile.fill 0.0 : <8 x 1 x f32, row>
  %o = tile.fill 0.0 : <8 x 64 x f32, columns>
  %w:6, %0 = tile.merge over warps %m, %m, %o, d2 %m, c %m, o2 %o {columns = 64, key_warps = 4, rows = 4}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns>, !row, !row, !half
    -> !flat, !flat, !flat, !flat, !flat, !flat
  %c:6, %1 = tile.merge over cluster %w#0, %w#1, %w#2, d2 %w#3, c %w#4, o2 %w#5 {columns = 64, key_warps = 4, rows = 4}
    : <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>,
      !flat, !flat, !flat -> !wide, !wide, !wide, !wide, !wide, !wide
  %g:6, %2 = tile.merge over grid %c#0, %c#1, %c#2, d2 %c#3, c %c#4, o2 %c#5 {columns = 64, key_warps = 4, rows = 4}
    : <4 x 64 x f32, flat, threads = 512>, <4 x 64 x f32, flat, threads = 512>, <4 x 64 x f32, flat, threads = 512>,
      !wide, !wide, !wide -> !flat, !flat, !flat, !flat, !flat, !flat
}

// Without a probe only O1 is exchanged: 2 * 4 * (64 + 4) * 4 = 2176.
// CHECK-LABEL: tile.kernel @merge_without_probe
// CHECK-SAME: shared_bytes = 2176 : i64
tile.kernel @merge_without_probe attributes {warps = 2, shared_limit = 4096} {
  %m = tile.fill 0.0 : <8 x 1 x f32, row>
  %o = tile.fill 0.0 : <8 x 64 x f32, columns>
  %w:3, %0 = tile.merge over warps %m, %m, %o {columns = 64, key_warps = 2, rows = 4}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns> -> !flat, !flat, !flat
}

// CHECK-LABEL: tile.kernel @nothing
// CHECK-SAME: shared_bytes = 0 : i64
tile.kernel @nothing attributes {warps = 4} {
}
