/*===- beside_llvm.c - liblla and another LLVM in one process --------------===
 *
 * usage: beside_llvm LIBLLVM LIBLLA llvm-first|lla-first
 *
 * Loads both so that the symbols of each are there for the other (RTLD_GLOBAL), and
 * uses both: LLVM must be found where it is, not in liblla, and both must work.
 * Where liblla finds no compile worker it compiles in this process, with its own
 * LLVM.
 *
 *===----------------------------------------------------------------------===*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <lla.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why ? why : "?");
  exit(1);
}

static void *load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!library)
    fail(path, dlerror());
  return library;
}

/* A function of a library, by name; `function` is the address of a pointer to it. */
static void find(void *library, const char *name, void *function) {
  void *address = dlsym(library, name);
  if (!address)
    fail(name, "not found");
  memcpy(function, &address, sizeof address);
}

/* The only LLVM that anybody sees is that of `path`. */
static void check_places(const char *path, void *lla) {
  const char *names[] = {"LLVMContextCreate", "LLVMModuleCreateWithName", "_ZN4llvm11raw_ostreamD1Ev",
                         "_ZTVN4llvm18raw_string_ostreamE"};
  Dl_info seen, own;
  void *llvm = load(path);
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    void *global = dlsym(RTLD_DEFAULT, names[i]), *right = dlsym(llvm, names[i]);
    if (!right || !global || !dladdr(global, &seen) || !dladdr(right, &own))
      fail(names[i], "not found in LLVM");
    if (global != right)
      fail(names[i], seen.dli_fname);
    if (dlsym(lla, names[i]))
      fail(names[i], "exported by liblla");
  }
}

static void use_llvm(void *llvm) {
  void *(*create)(const char *), (*dispose)(void *);
  char *(*print)(void *);
  find(llvm, "LLVMModuleCreateWithName", &create);
  find(llvm, "LLVMPrintModuleToString", &print);
  find(llvm, "LLVMDisposeModule", &dispose);
  void *module = create("beside");
  if (!module || !strstr(print(module), "beside"))
    fail("LLVM", "does not print its module");
  dispose(module);
}

/* Softmax attention over values that are all 1 gives 1. */
static void use_lla(void *lla) {
  lla_status (*create_context)(const char *, lla_context **),
      (*create)(const lla_context *, const lla_problem *, lla_plan **);
  lla_status (*prepare)(lla_plan *),
      (*run)(const lla_plan *, const lla_tensors *, void *, size_t, struct CUstream_st *);
  const char *(*error)(void);
  static float ones[64 * 16], out[16];
  const int64_t of_queries[] = {1, 1, 1, 16}, of_keys[] = {1, 64, 1, 16};
  lla_tensor keys = {ones, {LLA_DEVICE_CPU, 0}, 4, {LLA_TYPE_FLOAT, 32, 1}, of_keys, NULL, 0}, query = keys, o;
  lla_problem problem = LLA_PROBLEM_INIT;
  lla_tensors tensors = LLA_TENSORS_INIT;
  lla_context *context;
  lla_plan *plan;
  find(lla, "lla_context_create", &create_context);
  find(lla, "lla_plan_create", &create);
  find(lla, "lla_plan_prepare", &prepare);
  find(lla, "lla_plan_run", &run);
  find(lla, "lla_last_error", &error);
  for (size_t i = 0; i < sizeof ones / sizeof *ones; ++i)
    ones[i] = 1;
  query.shape = of_queries;
  o = query;
  o.data = out;
  problem.probe = LLA_PROBE_NONE;
  problem.dtype = LLA_FP32;
  problem.context = 64;
  problem.head_dim = 16;
  tensors.q = &query;
  tensors.k = tensors.v = &keys;
  tensors.o = &o;
  if (create_context("host:1", &context) || create(context, &problem, &plan) || prepare(plan) ||
      run(plan, &tensors, NULL, 0, NULL))
    fail("lla", error());
  for (int i = 0; i < 16; ++i)
    if (!(out[i] > 0.999f && out[i] < 1.001f))
      fail("lla", "wrong result");
}

int main(int count, char **arguments) {
  if (count != 4)
    fail("usage", "beside_llvm LIBLLVM LIBLLA llvm-first|lla-first");
  int llvm_first = !strcmp(arguments[3], "llvm-first");
  void *first = load(arguments[llvm_first ? 1 : 2]), *second = load(arguments[llvm_first ? 2 : 1]);
  void *llvm = llvm_first ? first : second, *lla = llvm_first ? second : first;
  check_places(arguments[1], lla);
  use_llvm(llvm);
  use_lla(lla);
  use_llvm(llvm);
  puts("both work");
  return 0;
}
