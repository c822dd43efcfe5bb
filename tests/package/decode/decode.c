/*===- decode.c - a decode step on two shards of the keys, from C ----------===
 *
 * Plans, prepares and runs a small problem on the host: once on all keys, and once
 * on two shards whose results are merged. Both must agree with each other and with
 * the formula. All that is needed to build it:
 *
 *     cc -std=c99 decode.c -I PREFIX/include -L PREFIX/lib -llla -lm
 *
 *===----------------------------------------------------------------------===*/
#include <lla.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2, HEADS = 4, KV_HEADS = 2, KEYS = 100, SHARD = 60, DIM = 32 };
enum { QUERIES = BATCH * HEADS * DIM, ROWS = BATCH * HEADS };

/* Ends the program with the message of a call that failed. */
static void check(lla_status status, const char *call) {
  if (status == LLA_OK)
    return;
  fprintf(stderr, "%s: %s: %s\n", call, lla_status_name(status), lla_last_error());
  exit(1);
}

/* A dense fp32 tensor on the host; `shape` is kept by the caller. */
static lla_tensor tensor(float *data, int32_t ndim, const int64_t *shape) {
  lla_tensor view = {NULL, {LLA_DEVICE_CPU, 0}, 0, {LLA_TYPE_FLOAT, 32, 1}, NULL, NULL, 0};
  view.data = data;
  view.ndim = ndim;
  view.shape = shape;
  return view;
}

/* Zero-filled once, at a multiple of 256; the program keeps it to its end. */
static void *workspace_of(size_t bytes) {
  char *memory = calloc(bytes + 256, 1);
  if (!memory)
    exit(1);
  return memory + (256 - (size_t)((uintptr_t)memory % 256));
}

static void run(lla_context *context, const lla_problem *problem, const lla_tensors *tensors) {
  lla_plan *plan;
  size_t bytes;
  check(lla_plan_create(context, problem, &plan), "lla_plan_create");
  check(lla_plan_workspace_size(plan, &bytes), "lla_plan_workspace_size");
  check(lla_plan_prepare(plan), "lla_plan_prepare");
  check(lla_plan_run(plan, tensors, bytes ? workspace_of(bytes) : NULL, bytes, NULL), "lla_plan_run");
  check(lla_plan_destroy(plan), "lla_plan_destroy");
}

/* Attention over keys [first, first + count): o, and the state that a merge needs. */
static void attend(lla_context *context, float *q, float *r, float *k, float *v, int64_t first, int64_t count, float *o,
                   float *lse, float *tbar, float *vbar) {
  const int64_t of_queries[] = {BATCH, 1, HEADS, DIM}, of_rows[] = {BATCH, 1, HEADS};
  const int64_t of_keys[] = {BATCH, count, KV_HEADS, DIM};
  const int64_t strides[] = {KEYS * KV_HEADS * DIM, KV_HEADS * DIM, DIM, 1}; /* of a part of k and v */
  lla_problem problem = LLA_PROBLEM_INIT;
  lla_tensors call = LLA_TENSORS_INIT;
  lla_tensor tq = tensor(q, 4, of_queries), tr = tensor(r, 4, of_queries), to = tensor(o, 4, of_queries);
  lla_tensor tk = tensor(k, 4, of_keys), tv = tensor(v, 4, of_keys);
  lla_tensor tlse = tensor(lse, 3, of_rows), ttbar = tensor(tbar, 3, of_rows), tvbar = tensor(vbar, 4, of_queries);
  tk.strides = tv.strides = strides;
  tk.byte_offset = tv.byte_offset = (uint64_t)first * KV_HEADS * DIM * sizeof(float);
  problem.dtype = LLA_FP32;
  problem.batch = BATCH;
  problem.query_heads = HEADS;
  problem.kv_heads = KV_HEADS;
  problem.context = KEYS; /* at most: one plan would serve both shards and the whole */
  problem.head_dim = DIM;
  problem.state = 1;
  call.q = &tq;
  call.r = &tr;
  call.k = &tk;
  call.v = &tv;
  call.o = &to;
  call.lse = &tlse;
  call.tbar = &ttbar;
  call.vbar = &tvbar;
  run(context, &problem, &call);
}

/* The results of two shards, side by side, into that of all keys. */
static void merge(lla_context *context, float *o, float *lse, float *tbar, float *vbar, float *out) {
  const int64_t of_queries[] = {2, BATCH, 1, HEADS, DIM}, of_rows[] = {2, BATCH, 1, HEADS};
  static float merged_lse[ROWS], merged_tbar[ROWS], merged_vbar[QUERIES];
  lla_problem problem = LLA_PROBLEM_INIT;
  lla_tensors call = LLA_TENSORS_INIT;
  lla_tensor po = tensor(o, 5, of_queries), pvbar = tensor(vbar, 5, of_queries);
  lla_tensor plse = tensor(lse, 4, of_rows), ptbar = tensor(tbar, 4, of_rows);
  lla_tensor to = tensor(out, 4, of_queries + 1), tvbar = tensor(merged_vbar, 4, of_queries + 1);
  lla_tensor tlse = tensor(merged_lse, 3, of_rows + 1), ttbar = tensor(merged_tbar, 3, of_rows + 1);
  problem.mode = LLA_MODE_MERGE;
  problem.batch = BATCH;
  problem.query_heads = problem.kv_heads = HEADS;
  problem.shards = 2;
  problem.head_dim = DIM;
  call.part_o = &po;
  call.part_lse = &plse;
  call.part_tbar = &ptbar;
  call.part_vbar = &pvbar;
  call.o = &to;
  call.lse = &tlse;
  call.tbar = &ttbar;
  call.vbar = &tvbar;
  run(context, &problem, &call);
}

/* o of one row by the formula, in double precision. */
static void expected(const float *q, const float *r, const float *k, const float *v, double *o) {
  double sum = 0, tbar = 0, p[KEYS], t[KEYS];
  int j, d;
  for (j = 0; j < KEYS; ++j) {
    double s = 0;
    t[j] = 0;
    for (d = 0; d < DIM; ++d) {
      s += q[d] * k[j * KV_HEADS * DIM + d] / sqrt(DIM);
      t[j] += r[d] * k[j * KV_HEADS * DIM + d];
    }
    sum += p[j] = exp(s);
  }
  for (j = 0; j < KEYS; ++j)
    tbar += (p[j] /= sum) * t[j];
  for (d = 0; d < DIM; ++d)
    for (o[d] = 0, j = 0; j < KEYS; ++j)
      o[d] += p[j] * (1 + tbar - t[j]) * v[j * KV_HEADS * DIM + d];
}

static void fill(float *values, size_t count, unsigned seed) {
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) / (1 << 23) - 1;
  }
}

/* The largest difference from the formula over all rows. */
static double error_of(const float *q, const float *r, const float *k, const float *v, const float *o) {
  double worst = 0;
  for (int b = 0; b < BATCH; ++b)
    for (int h = 0; h < HEADS; ++h) {
      size_t row = (size_t)(b * HEADS + h) * DIM;
      size_t keys = (size_t)(b * KEYS * KV_HEADS + h / (HEADS / KV_HEADS)) * DIM;
      double right[DIM];
      expected(q + row, r + row, k + keys, v + keys, right);
      for (int d = 0; d < DIM; ++d) {
        double difference = fabs(o[row + (size_t)d] - right[d]);
        if (!(difference <= worst)) /* NaN too */
          worst = difference;
      }
    }
  return worst;
}

int main(void) {
  static float q[QUERIES], r[QUERIES], k[BATCH * KEYS * KV_HEADS * DIM], v[BATCH * KEYS * KV_HEADS * DIM];
  static float o[QUERIES], lse[ROWS], tbar[ROWS], vbar[QUERIES];
  static float part_o[2 * QUERIES], part_lse[2 * ROWS], part_tbar[2 * ROWS], part_vbar[2 * QUERIES], merged[QUERIES];
  lla_context *context;
  double whole, shards;
  fill(q, QUERIES, 1);
  fill(r, QUERIES, 2);
  fill(k, sizeof k / sizeof *k, 3);
  fill(v, sizeof v / sizeof *v, 4);

  check(lla_context_create("host", &context), "lla_context_create");
  attend(context, q, r, k, v, 0, KEYS, o, lse, tbar, vbar);
  attend(context, q, r, k, v, 0, SHARD, part_o, part_lse, part_tbar, part_vbar);
  attend(context, q, r, k, v, SHARD, KEYS - SHARD, part_o + QUERIES, part_lse + ROWS, part_tbar + ROWS,
         part_vbar + QUERIES);
  merge(context, part_o, part_lse, part_tbar, part_vbar, merged);
  check(lla_context_destroy(context), "lla_context_destroy");

  whole = error_of(q, r, k, v, o);
  shards = error_of(q, r, k, v, merged);
  printf("largest error: %.1e of the whole, %.1e of two shards merged\n", whole, shards);
  return whole <= 1e-5 && shards <= 1e-5 ? 0 : 1;
}
