/*===- ready.c - from nothing to the first launch ---------------------------===
 *
 * Milliseconds of each step in a process that has just begun, least, median and
 * most over so many processes: opening the library, its context, then, for a decode and for a
 * prefill, plan, prepare (of liblla: from a warm cache, which a first process fills)
 * and the first run. "launchable" is the sum of plan and prepare.
 *
 *     cc -std=c99 -O2 ready.c -I PREFIX/include -ldl -o ready
 *     ready liblla.so lla cuda:0              the JIT library
 *     ready libserve.so serve cuda:0          what `lla aot --name serve` made of the two problems that
 *     ready --problems                        prints
 *
 * On a GPU whose driver is the tests' (launch.c) all but the driver's work is seen. Exit
 * code 4 without the device.
 *
 *===----------------------------------------------------------------------===*/
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <lla.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES = 41, PROBLEMS = 2, STEPS = 2 + 4 * PROBLEMS, HEADS = 8, DIM = 128 };

static const char *const steps[STEPS] = {"open library",  "context",        "decode: plan", "decode: prepare",
                                         "decode: run",   "decode: launchable", "prefill: plan", "prefill: prepare",
                                         "prefill: run",  "prefill: launchable"};
static const int64_t rows_of[PROBLEMS] = {1, 1024}, keys_of[PROBLEMS] = {3000, 1024};

/* The functions of lla.h, whatever the library calls them: handles are opaque. */
static struct {
  const char *(*last_error)(void);
  lla_status (*context_create)(const char *, void **), (*context_describe)(const void *, lla_context_info *);
  lla_status (*plan_create)(const void *, const lla_problem *, void **), (*workspace_size)(const void *, size_t *);
  lla_status (*prepare)(void *), (*run)(const void *, const lla_tensors *, void *, size_t, struct CUstream_st *);
} api;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "ready: %s: %s\n", what, why);
  exit(1);
}

static void must(lla_status status, const char *what) {
  if (status == LLA_OK)
    return;
  fprintf(stderr, "ready: %s: %s\n", what, api.last_error());
  exit(status == LLA_ERROR_NO_DEVICE ? 4 : 1);
}

static void open_library(const char *path, const char *prefix) {
  void *library = dlopen(path, RTLD_NOW);
  const struct {
    void *slot;
    const char *name;
  } symbols[] = {{&api.last_error, "last_error"},       {&api.context_create, "context_create"},
                 {&api.context_describe, "context_describe"}, {&api.plan_create, "plan_create"},
                 {&api.workspace_size, "plan_workspace_size"}, {&api.prepare, "plan_prepare"},
                 {&api.run, "plan_run"}};
  if (!library)
    fail(path, dlerror());
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; ++i) {
    char name[256];
    snprintf(name, sizeof name, "%s_%s", prefix, symbols[i].name);
    if (!(*(void **)symbols[i].slot = dlsym(library, name)))
      fail(name, dlerror());
  }
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

/* Memory of the device, or of the host; of a GPU by its driver. */
static void *allocate(size_t bytes, int is_gpu) {
  if (!is_gpu) {
    void *data = NULL;
    if (posix_memalign(&data, 256, bytes))
      fail("tensors", "no memory");
    return memset(data, 0, bytes);
  }
  static void *driver;
  int (*take)(unsigned long long *, size_t), (*fill)(unsigned long long, unsigned char, size_t);
  int (*retain)(void **, int), (*set)(void *);
  unsigned long long address = 0;
  void *context = NULL;
  driver = driver ? driver : dlopen("libcuda.so.1", RTLD_NOW);
  *(void **)&take = dlsym(driver, "cuMemAlloc_v2");
  *(void **)&fill = dlsym(driver, "cuMemsetD8_v2");
  *(void **)&retain = dlsym(driver, "cuDevicePrimaryCtxRetain");
  *(void **)&set = dlsym(driver, "cuCtxSetCurrent");
  if (retain(&context, 0) || set(context) || take(&address, bytes) || fill(address, 0, bytes))
    fail("tensors", "no device memory");
  return (void *)(uintptr_t)address;
}

static lla_problem problem_of(int which) {
  lla_problem problem = LLA_PROBLEM_INIT;
  problem.mode = which;
  problem.causal = which == LLA_MODE_PREFILL;
  problem.query_heads = problem.kv_heads = HEADS;
  problem.context = keys_of[which];
  problem.head_dim = DIM;
  return problem;
}

static void time_problem(void *context, lla_device device, int which, double *times) {
  lla_problem problem = problem_of(which);
  lla_tensor views[5];
  lla_tensors tensors = LLA_TENSORS_INIT;
  const lla_tensor **members[5] = {&tensors.q, &tensors.k, &tensors.v, &tensors.r, &tensors.o};
  int64_t shapes[5][4];
  int is_gpu = device.type == LLA_DEVICE_CUDA;
  void *plan, *workspace = NULL;
  size_t bytes;
  for (int i = 0; i < 5; ++i) {
    int64_t length = i == 1 || i == 2 ? keys_of[which] : rows_of[which];
    int64_t shape[4] = {1, length, HEADS, DIM};
    lla_tensor view = {allocate((size_t)(length * HEADS * DIM) * 2, is_gpu), device, 4, {LLA_TYPE_BFLOAT, 16, 1},
                       shapes[i], NULL, 0};
    memcpy(shapes[i], shape, sizeof shape);
    views[i] = view;
    *members[i] = &views[i];
  }
  double start = now();
  must(api.plan_create(context, &problem, &plan), "plan_create");
  double created = now();
  must(api.prepare(plan), "plan_prepare");
  double prepared = now();
  must(api.workspace_size(plan, &bytes), "plan_workspace_size");
  if (bytes)
    workspace = allocate(bytes, is_gpu);
  double ready = now();
  must(api.run(plan, &tensors, workspace, bytes, NULL), "plan_run");
  times[0] = created - start;
  times[1] = prepared - created;
  times[2] = now() - ready;
  times[3] = prepared - start;
}

static int child(const char *library, const char *prefix, const char *target) {
  double times[STEPS], start = now();
  lla_context_info info = LLA_CONTEXT_INFO_INIT;
  void *context;
  open_library(library, prefix);
  times[0] = now() - start;
  start = now();
  must(api.context_create(target, &context), "context_create");
  times[1] = now() - start;
  must(api.context_describe(context, &info), "context_describe");
  for (int i = 0; i < PROBLEMS; ++i)
    time_problem(context, info.device, i, times + 2 + 4 * i);
  return fwrite(times, sizeof times, 1, stdout) != 1;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The times of a new process. */
static void run_child(char **arguments, double *times) {
  int ends[2], status;
  if (pipe(ends))
    fail("pipe", "none");
  pid_t process = fork();
  if (process == 0) {
    char *again[] = {arguments[0], "--child", arguments[1], arguments[2], arguments[3], NULL};
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    execv("/proc/self/exe", again);
    _exit(127);
  }
  close(ends[1]);
  FILE *answer = fdopen(ends[0], "rb");
  size_t got = fread(times, sizeof *times, STEPS, answer);
  fclose(answer);
  waitpid(process, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) || got != STEPS)
    exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
}

int main(int count, char **arguments) {
  static double times[PROCESSES][STEPS], step[PROCESSES];
  if (count == 2 && !strcmp(arguments[1], "--problems")) {
    for (int i = 0; i < PROBLEMS; ++i)
      printf("{\"mode\":\"%s\",\"context\":%d,\"query_heads\":%d,\"kv_heads\":%d,\"head_dim\":%d,\"causal\":%s}\n",
             i ? "prefill" : "decode", (int)keys_of[i], HEADS, HEADS, DIM, i ? "true" : "false");
    return 0;
  }
  if (count == 5 && !strcmp(arguments[1], "--child"))
    return child(arguments[2], arguments[3], arguments[4]);
  if (count != 4) {
    fprintf(stderr, "usage: ready LIBRARY PREFIX TARGET | ready --problems\n");
    return 1;
  }
  run_child(arguments, times[0]); /* Fills the cache. */
  for (int i = 0; i < PROCESSES; ++i)
    run_child(arguments, times[i]);
  printf("%-22s  least ms   median     most\n", arguments[2]);
  for (int i = 0; i < STEPS; ++i) {
    for (int j = 0; j < PROCESSES; ++j)
      step[j] = times[j][i];
    qsort(step, PROCESSES, sizeof *step, ascending);
    printf("%-22s %9.3f %8.3f %8.3f\n", steps[i], step[0], step[PROCESSES / 2], step[PROCESSES - 1]);
  }
  return 0;
}
