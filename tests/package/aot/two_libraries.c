/*===- two_libraries.c - two ahead-of-time libraries in one program --------===
 *
 * `shards` holds a decode kernel that gives the state of its keys, `merger` a merge:
 * attention over two shards of the keys, each by one library, merged by the other,
 * must agree with the formula. Then what neither holds, and misuse.
 *
 *     cc -std=c99 two_libraries.c -I DIR/include DIR/lib/libshards.so DIR/lib/libmerger.so -lm
 *
 *===----------------------------------------------------------------------===*/
#define _POSIX_C_SOURCE 200112L
#include <math.h>
#include <merger.h>
#include <shards.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 2, HEADS = 4, KV_HEADS = 2, KEYS = 100, SHARD = 60, DIM = 32 };
enum { QUERIES = BATCH * HEADS * DIM, ROWS = BATCH * HEADS };

/* Ends the program unless a call did as it should; `text` is part of the message of one that failed. */
static void expect(lla_status got, lla_status wanted, const char *message, const char *text) {
  if (got == wanted && strstr(message, text))
    return;
  fprintf(stderr, "expected %s, \"%s\", got %s, \"%s\"\n", shards_status_name(wanted), text, shards_status_name(got),
          message);
  exit(1);
}
#define REFUSES(library, call, wanted, text)                                                                           \
  do {                                                                                                                 \
    lla_status got = library##_##call;                                                                                 \
    expect(got, wanted, library##_last_error(), text);                                                                 \
  } while (0)
#define SHARDS(call) REFUSES(shards, call, LLA_OK, "")
#define MERGER(call) REFUSES(merger, call, LLA_OK, "")

static lla_tensor tensor(float *data, int32_t ndim, const int64_t *shape) {
  lla_tensor view = {NULL, {LLA_DEVICE_CPU, 0}, 0, {LLA_TYPE_FLOAT, 32, 1}, NULL, NULL, 0};
  view.data = data;
  view.ndim = ndim;
  view.shape = shape;
  return view;
}

static lla_problem decode_problem(void) {
  lla_problem problem = LLA_PROBLEM_INIT;
  problem.dtype = LLA_FP32;
  problem.batch = BATCH;
  problem.query_heads = HEADS;
  problem.kv_heads = KV_HEADS;
  problem.context = KEYS; /* the library was made for another: sizes are arguments of a kernel */
  problem.head_dim = DIM;
  problem.state = 1;
  return problem;
}

static lla_problem merge_problem(void) {
  lla_problem problem = LLA_PROBLEM_INIT;
  problem.mode = LLA_MODE_MERGE;
  problem.batch = BATCH;
  problem.query_heads = problem.kv_heads = HEADS;
  problem.shards = 2;
  problem.head_dim = DIM;
  return problem;
}

static void *workspace_of(size_t bytes) {
  char *memory = calloc(bytes + 256, 1);
  if (!memory)
    exit(1);
  return memory + (256 - (size_t)((uintptr_t)memory % 256));
}

static float q[QUERIES], r[QUERIES], k[BATCH * KEYS * KV_HEADS * DIM], v[BATCH * KEYS * KV_HEADS * DIM];
static float part_o[2 * QUERIES], part_lse[2 * ROWS], part_tbar[2 * ROWS], part_vbar[2 * QUERIES];
static float o[QUERIES], lse[ROWS], tbar[ROWS], vbar[QUERIES];

/* Keys [first, first + count) into shard `which` of the results. */
static void attend(const shards_plan *plan, int which, int64_t first, int64_t count, void *workspace, size_t bytes) {
  const int64_t of_queries[] = {BATCH, 1, HEADS, DIM}, of_rows[] = {BATCH, 1, HEADS};
  const int64_t of_keys[] = {BATCH, count, KV_HEADS, DIM};
  const int64_t strides[] = {KEYS * KV_HEADS * DIM, KV_HEADS * DIM, DIM, 1};
  lla_tensor tq = tensor(q, 4, of_queries), tr = tensor(r, 4, of_queries);
  lla_tensor tk = tensor(k, 4, of_keys), tv = tensor(v, 4, of_keys);
  lla_tensor to = tensor(part_o + which * QUERIES, 4, of_queries);
  lla_tensor tvbar = tensor(part_vbar + which * QUERIES, 4, of_queries);
  lla_tensor tlse = tensor(part_lse + which * ROWS, 3, of_rows), ttbar = tensor(part_tbar + which * ROWS, 3, of_rows);
  lla_tensors call = LLA_TENSORS_INIT;
  tk.strides = tv.strides = strides;
  tk.byte_offset = tv.byte_offset = (uint64_t)first * KV_HEADS * DIM * sizeof(float);
  call.q = &tq, call.r = &tr, call.k = &tk, call.v = &tv, call.o = &to;
  call.lse = &tlse, call.tbar = &ttbar, call.vbar = &tvbar;
  SHARDS(plan_run(plan, &call, workspace, bytes, NULL));
  tk.ndim = 3;
  REFUSES(shards, plan_run(plan, &call, workspace, bytes, NULL), LLA_ERROR_USAGE, "k.ndim: expected 4, got 3");
}

static void merge(const merger_plan *plan) {
  const int64_t of_queries[] = {2, BATCH, 1, HEADS, DIM}, of_rows[] = {2, BATCH, 1, HEADS};
  lla_tensor po = tensor(part_o, 5, of_queries), pvbar = tensor(part_vbar, 5, of_queries);
  lla_tensor plse = tensor(part_lse, 4, of_rows), ptbar = tensor(part_tbar, 4, of_rows);
  lla_tensor to = tensor(o, 4, of_queries + 1), tvbar = tensor(vbar, 4, of_queries + 1);
  lla_tensor tlse = tensor(lse, 3, of_rows + 1), ttbar = tensor(tbar, 3, of_rows + 1);
  lla_tensors call = LLA_TENSORS_INIT;
  call.part_o = &po, call.part_lse = &plse, call.part_tbar = &ptbar, call.part_vbar = &pvbar;
  call.o = &to, call.lse = &tlse, call.tbar = &ttbar, call.vbar = &tvbar;
  MERGER(plan_run(plan, &call, NULL, 0, NULL));
}

/* The largest difference of o from the formula, in double precision. */
static double error(void) {
  double worst = 0;
  for (int row = 0; row < ROWS; ++row) {
    const float *keys = k + (row / HEADS * KEYS * KV_HEADS + row % HEADS / (HEADS / KV_HEADS)) * DIM;
    const float *values = v + (keys - k);
    double sum = 0, mean = 0, p[KEYS], t[KEYS];
    for (int j = 0; j < KEYS; ++j) {
      double s = t[j] = 0;
      for (int d = 0; d < DIM; ++d) {
        s += q[row * DIM + d] * keys[j * KV_HEADS * DIM + d] / sqrt(DIM);
        t[j] += r[row * DIM + d] * keys[j * KV_HEADS * DIM + d];
      }
      sum += p[j] = exp(s);
    }
    for (int j = 0; j < KEYS; ++j)
      mean += (p[j] /= sum) * t[j];
    for (int d = 0; d < DIM; ++d) {
      double right = 0, difference;
      for (int j = 0; j < KEYS; ++j)
        right += p[j] * (1 + mean - t[j]) * values[j * KV_HEADS * DIM + d];
      difference = fabs(o[row * DIM + d] - right);
      if (!(difference <= worst)) /* NaN too */
        worst = difference;
    }
  }
  return worst;
}

static void fill(float *values, size_t count, unsigned seed) {
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) / (1 << 23) - 1;
  }
}

int main(void) {
  lla_problem decode = decode_problem(), merging = merge_problem(), other = decode_problem(), wrong = decode_problem();
  lla_problem more = merge_problem();
  lla_context_info about = LLA_CONTEXT_INFO_INIT;
  lla_plan_info info = LLA_PLAN_INFO_INIT;
  lla_tensors none = LLA_TENSORS_INIT;
  shards_context *first;
  merger_context *second;
  shards_plan *attention, *refused = NULL;
  merger_plan *join, *refused_too = NULL;
  void *workspace;
  size_t bytes, no_bytes;
  pid_t child;
  int status;
  fill(q, QUERIES, 1), fill(r, QUERIES, 2);
  fill(k, sizeof k / sizeof *k, 3), fill(v, sizeof v / sizeof *v, 4);

  SHARDS(context_create(NULL, &first)); /* there is no GPU, or no code for it: the host */
  MERGER(context_create("host:1", &second));
  SHARDS(context_describe(first, &about));
  if (strcmp(about.arch, "host") || about.device.type != LLA_DEVICE_CPU)
    return 1;
  SHARDS(plan_create(first, &decode, &attention));
  MERGER(plan_create(second, &merging, &join));
  SHARDS(plan_workspace_size(attention, &bytes));
  MERGER(plan_workspace_size(join, &no_bytes));
  REFUSES(shards, plan_run(attention, &none, NULL, 0, NULL), LLA_ERROR_NOT_PREPARED, "plan: expected");
  SHARDS(plan_prepare(attention));
  MERGER(plan_prepare(join));
  SHARDS(plan_describe(attention, &info));
  if (!info.is_prepared || strcmp(info.code_source, "library") || !strstr(info.problem, "\"context\":100"))
    return 1;
  workspace = bytes ? workspace_of(bytes) : NULL;
  if (bytes)
    memset(workspace, 0xff, bytes);
  SHARDS(plan_clear_workspace(attention, workspace, bytes, NULL));
  MERGER(plan_clear_workspace(join, NULL, no_bytes, NULL));
  attend(attention, 0, 0, SHARD, workspace, bytes);
  attend(attention, 1, SHARD, KEYS - SHARD, workspace, bytes);
  merge(join);

  /* A forked child runs them too, on threads of its own. */
  child = fork();
  if (child == 0) {
    alarm(60); /* a hang fails */
    memset(o, 0, sizeof o), memset(part_o, 0, sizeof part_o);
    attend(attention, 0, 0, SHARD, workspace, bytes);
    attend(attention, 1, SHARD, KEYS - SHARD, workspace, bytes);
    merge(join);
    _exit(error() <= 1e-5 ? 0 : 1);
  }
  if (waitpid(child, &status, 0) != child || status != 0)
    return 1;

  /* Neither has the other's kernel, or one of another head size; the message says what to run. */
  REFUSES(shards, plan_create(first, &merging, &refused), LLA_ERROR_MISS,
          "lla aot --problems problems.jsonl --target host --name shards");
  REFUSES(merger, plan_create(second, &decode, &refused_too), LLA_ERROR_MISS, "--name merger");
  more.shards = 3; /* merger's kernel has its sizes built in */
  REFUSES(merger, plan_create(second, &more, &refused_too), LLA_ERROR_MISS, "\"shards\":3");
  other.head_dim = 64;
  REFUSES(shards, plan_create(first, &other, &refused), LLA_ERROR_MISS, "\"head_dim\":64");
  wrong.head_dim = 33;
  REFUSES(shards, plan_create(first, &wrong, &refused), LLA_ERROR_USAGE, "head_dim: expected");
  REFUSES(shards, plan_create((shards_context *)&decode, &decode, &refused), LLA_ERROR_HANDLE, "context: expected");
  REFUSES(shards, context_create("sm_90a", &first), LLA_ERROR_USAGE, "target: expected a device");
  REFUSES(shards, context_create("cuda", &first), LLA_ERROR_NO_DEVICE, "");
  SHARDS(plan_destroy(attention));
  REFUSES(shards, plan_prepare(attention), LLA_ERROR_HANDLE, "plan: expected");
  MERGER(plan_destroy(join));
  SHARDS(context_destroy(first));
  MERGER(context_destroy(second));
  if (!strstr(shards_manifest(), "\"name\": \"shards\"") || !strstr(merger_manifest(), "\"name\": \"merger\""))
    return 1;

  printf("largest error: %.1e\n", error());
  return error() <= 1e-5 ? 0 : 1;
}
