/*===- snippet.c - what is around a snippet of C in the README -------------===
 *
 * A decode step of one sequence in bf16 on the host, whose values are all 1: so is
 * the result, whatever the queries, probes and keys are.
 *
 *===----------------------------------------------------------------------===*/
#include <lla.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 4096, HEADS = 32, KV_HEADS = 8, DIM = 128 };

static lla_tensor tensor(uint16_t *data, const int64_t *shape) {
  lla_tensor view = {NULL, {LLA_DEVICE_CPU, 0}, 4, {LLA_TYPE_BFLOAT, 16, 1}, NULL, NULL, 0};
  view.data = data;
  view.shape = shape;
  return view;
}

/* Memory that the snippet takes for granted: zero-filled, at a multiple of 256. */
static char memory[1 << 24];
static void *zeros(size_t bytes) {
  if (bytes > sizeof memory - 256)
    exit(1);
  return memory + (256 - (uintptr_t)memory % 256);
}

int main(void) {
  static uint16_t q[HEADS * DIM], r[HEADS * DIM], k[KEYS * KV_HEADS * DIM], v[KEYS * KV_HEADS * DIM], o[HEADS * DIM];
  const int64_t of_queries[] = {1, 1, HEADS, DIM}, of_keys[] = {1, KEYS, KV_HEADS, DIM};
  lla_tensor tq = tensor(q, of_queries), tr = tensor(r, of_queries), to = tensor(o, of_queries);
  lla_tensor tk = tensor(k, of_keys), tv = tensor(v, of_keys);
  lla_tensors tensors = LLA_TENSORS_INIT;
  struct CUstream_st *stream = NULL;
  lla_context *context = NULL;
  lla_plan *plan = NULL;
  size_t bytes = 0;
  const uint16_t one = 0x3f80;
  for (int i = 0; i < HEADS * DIM; ++i)
    q[i] = r[i] = (uint16_t)(one + i % 7);
  for (int i = 0; i < KEYS * KV_HEADS * DIM; ++i)
    k[i] = (uint16_t)(0x3c00 + i % 64), v[i] = one;
  tensors.q = &tq, tensors.k = &tk, tensors.v = &tv, tensors.r = &tr, tensors.o = &to;

#include "snippet.inc"

  if (*lla_last_error()) {
    fprintf(stderr, "%s\n", lla_last_error());
    return 1;
  }
  for (int i = 0; i < HEADS * DIM; ++i)
    if (o[i] < one - 4 || o[i] > one + 2) {
      fprintf(stderr, "o[%d]: expected 1, got bf16 0x%04x\n", i, o[i]);
      return 1;
    }
  return 0;
}
