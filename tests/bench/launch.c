/*===- launch.c - what a launch through lla.h costs the host ----------------===
 *
 * Nanoseconds of host time per enqueued kernel, medians over batches that are
 * awaited between: the driver's own launch of an empty kernel with a launch record
 * of the same size, launched as ours are (it may begin before the kernel ahead of it
 * has ended), then lla_plan_run of a decode and of a prefill, by one thread and by
 * several on their own streams; the prefill also with tensors that are never those of
 * a call before, whose tensor maps are encoded anew.
 *
 *     cc -std=c99 -O2 launch.c -I PREFIX/include -L PREFIX/lib -llla -ldl -lpthread -o launch
 *
 * Needs a GPU; exit code 4 without. With the tests' driver that runs nothing
 * (LD_LIBRARY_PATH=BUILD/tests/unit/capi/driver) what is left is the host's own work.
 *
 *===----------------------------------------------------------------------===*/
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <lla.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LAUNCHES = 200, WARMUP = 5, BATCHES = 60, THREADS = 8, RECORD = 528, STEP = 16 };

typedef struct CUstream_st *Stream;
typedef unsigned long long Address;

/* CUlaunchAttribute and CUlaunchConfig. */
typedef struct Attribute {
  int id, padding, value[16];
} Attribute;
typedef struct Config {
  unsigned grid[3], block[3], shared_bytes;
  Stream stream;
  Attribute *attributes;
  unsigned attribute_count;
} Config;

/* What of libcuda this needs. */
static struct {
  int (*init)(unsigned), (*retain)(void **, int), (*set)(void *), (*synchronize)(Stream), (*stream)(Stream *, unsigned);
  int (*allocate)(Address *, size_t), (*fill)(Address, unsigned char, size_t);
  int (*load)(void **, const void *), (*kernel)(void **, void *, const char *);
  int (*launch)(const struct Config *, void *, void **, void **);
} cu;

static void must(int bad, const char *what) {
  if (!bad)
    return;
  fprintf(stderr, "launch: %s: %s\n", what, lla_last_error());
  exit(1);
}

static void open_driver(void) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  const struct {
    void *slot;
    const char *name;
  } symbols[] = {{&cu.init, "cuInit"},
                 {&cu.retain, "cuDevicePrimaryCtxRetain"},
                 {&cu.set, "cuCtxSetCurrent"},
                 {&cu.synchronize, "cuStreamSynchronize"},
                 {&cu.stream, "cuStreamCreate"},
                 {&cu.allocate, "cuMemAlloc_v2"},
                 {&cu.fill, "cuMemsetD8_v2"},
                 {&cu.load, "cuModuleLoadData"},
                 {&cu.kernel, "cuModuleGetFunction"},
                 {&cu.launch, "cuLaunchKernelEx"}};
  for (size_t i = 0; library && i < sizeof symbols / sizeof *symbols; ++i)
    must(!(*(void **)symbols[i].slot = dlsym(library, symbols[i].name)), symbols[i].name);
  if (!library || cu.init(0)) {
    fprintf(stderr, "launch: no GPU\n");
    exit(4);
  }
}

static const char empty_kernel[] = ".version 7.0\n.target sm_80\n.address_size 64\n"
                                   ".visible .entry empty(.param .align 8 .b8 record[528]) { ret; }\n";

/* A plan with its tensors and workspace, or null: the empty kernel. */
typedef struct Call {
  lla_plan *plan;
  lla_tensors tensors;
  size_t workspace_bytes;
  void *kernel, *context;
  int is_moving; /* inputs lie elsewhere at each call */
} Call;

typedef struct Worker {
  const Call *call;
  double nanoseconds; /* median of a launch */
} Worker;

/* `step` tells the calls of a thread apart. */
static void enqueue(const Call *call, int step, void *workspace, Stream stream) {
  static char record[RECORD];
  void *parameters[] = {record};
  Attribute dependent = {6 /* CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION */, 0, {1}};
  Config config = {{1, 1, 1}, {32, 1, 1}, 0, stream, &dependent, 1};
  lla_tensors tensors = call->tensors;
  lla_tensor moved[4];
  const lla_tensor **inputs[] = {&tensors.q, &tensors.k, &tensors.v, &tensors.r};
  for (int i = 0; call->is_moving && i < 4; ++i) {
    moved[i] = **inputs[i];
    moved[i].byte_offset = (uint64_t)step * STEP;
    *inputs[i] = &moved[i];
  }
  if (call->plan)
    must(lla_plan_run(call->plan, &tensors, workspace, call->workspace_bytes, stream), "lla_plan_run");
  else
    must(cu.launch(&config, call->kernel, parameters, NULL), "cuLaunchKernelEx");
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void *work(void *argument) {
  Worker *worker = argument;
  const Call *call = worker->call;
  double samples[BATCHES];
  Address workspace = 0;
  Stream stream;
  int step = 0;
  must(cu.set(call->context) || cu.stream(&stream, 1), "cuStreamCreate");
  if (call->workspace_bytes)
    must(cu.allocate(&workspace, call->workspace_bytes) || cu.fill(workspace, 0, call->workspace_bytes), "cuMemAlloc");
  for (int batch = -WARMUP; batch < BATCHES; ++batch) {
    double start = now();
    for (int i = 0; i < LAUNCHES; ++i)
      enqueue(call, step++, (void *)workspace, stream);
    if (batch >= 0)
      samples[batch] = (now() - start) / LAUNCHES;
    must(cu.synchronize(stream), "cuStreamSynchronize");
  }
  qsort(samples, BATCHES, sizeof *samples, ascending);
  worker->nanoseconds = samples[BATCHES / 2];
  return NULL;
}

/* The mean of the threads' medians. */
static double time_of(const Call *call, int threads) {
  pthread_t handles[THREADS];
  Worker workers[THREADS];
  double sum = 0;
  for (int i = 0; i < threads; ++i) {
    workers[i].call = call;
    must(pthread_create(&handles[i], NULL, work, &workers[i]), "pthread_create");
  }
  for (int i = 0; i < threads; ++i) {
    pthread_join(handles[i], NULL);
    sum += workers[i].nanoseconds;
  }
  return sum / threads;
}

static lla_tensor device_tensor(int64_t *shape, int64_t rows, int64_t heads, int64_t dim) {
  Address data;
  lla_tensor view = {NULL, {LLA_DEVICE_CUDA, 0}, 4, {LLA_TYPE_BFLOAT, 16, 1}, NULL, NULL, 0};
  size_t bytes = (size_t)(rows * heads * dim) * 2 + (size_t)(WARMUP + BATCHES) * LAUNCHES * STEP;
  shape[0] = 1;
  shape[1] = rows;
  shape[2] = heads;
  shape[3] = dim;
  must(cu.allocate(&data, bytes) || cu.fill(data, 0x3c, bytes), "cuMemAlloc");
  view.data = (void *)data;
  view.shape = shape;
  return view;
}

static Call plan_of(lla_context *context, void *driver_context, int32_t mode, int64_t rows, int64_t keys) {
  static lla_tensor tensors[2][5];
  static int64_t shapes[2][5][4];
  lla_problem problem = LLA_PROBLEM_INIT;
  lla_tensors call = LLA_TENSORS_INIT;
  Call result = {NULL, LLA_TENSORS_INIT, 0, NULL, driver_context, 0};
  problem.mode = mode;
  problem.causal = mode == LLA_MODE_PREFILL;
  problem.query_heads = problem.kv_heads = 8;
  problem.context = keys;
  problem.head_dim = 128;
  for (int i = 0; i < 5; ++i)
    tensors[mode][i] = device_tensor(shapes[mode][i], i == 1 || i == 2 ? keys : rows, 8, 128);
  call.q = &tensors[mode][0];
  call.k = &tensors[mode][1];
  call.v = &tensors[mode][2];
  call.r = &tensors[mode][3];
  call.o = &tensors[mode][4];
  must(lla_plan_create(context, &problem, &result.plan), "lla_plan_create");
  must(lla_plan_prepare(result.plan), "lla_plan_prepare");
  must(lla_plan_workspace_size(result.plan, &result.workspace_bytes), "lla_plan_workspace_size");
  result.tensors = call;
  return result;
}

int main(void) {
  void *driver_context, *module;
  lla_context *context;
  open_driver();
  must(cu.retain(&driver_context, 0) || cu.set(driver_context), "cuDevicePrimaryCtxRetain");
  Call raw = {NULL, LLA_TENSORS_INIT, 0, NULL, driver_context, 0};
  must(cu.load(&module, empty_kernel) || cu.kernel(&raw.kernel, module, "empty"), "cuModuleLoadData");
  must(lla_context_create("cuda:0", &context), "lla_context_create");
  Call decode = plan_of(context, driver_context, LLA_MODE_DECODE, 1, 512);
  Call prefill = plan_of(context, driver_context, LLA_MODE_PREFILL, 128, 128);
  Call moving = prefill;
  moving.is_moving = 1;
  printf("ns of host time a launch      1 thread  %d threads\n", THREADS);
  const struct {
    const char *name;
    const Call *call;
  } rows[] = {{"driver, empty kernel", &raw},
              {"lla_plan_run, decode", &decode},
              {"lla_plan_run, prefill", &prefill},
              {"the same, tensors elsewhere", &moving}};
  for (int repeat = 0; repeat < 2; ++repeat) /* Twice: the difference is the noise. */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
      double one = time_of(rows[i].call, 1);
      printf("%-28s %9.0f  %9.0f\n", rows[i].name, one, time_of(rows[i].call, THREADS));
    }
  lla_plan_destroy(decode.plan);
  lla_plan_destroy(prefill.plan);
  lla_context_destroy(context);
  return 0;
}
