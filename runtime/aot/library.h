/*===- lla_aot.h - attention kernels made ahead of time, from C ------------===
 *
 * The functions of lla.h under this library's name, so that several such libraries,
 * and liblla, live in one process: what lla.h says of structs, tensors, errors,
 * threads, forks, GPUs and CUDA graphs holds here.
 *
 *     lla_aot_context *context;  lla_aot_plan *plan;  size_t bytes;
 *     lla_aot_context_create("cuda:0", &context);
 *     lla_aot_plan_create(context, &problem, &plan);  finds the kernel
 *     lla_aot_plan_workspace_size(plan, &bytes);      allocate and zero-fill it, once
 *     lla_aot_plan_prepare(plan);                     loads it: all that blocks
 *     lla_aot_plan_run(plan, &tensors, workspace, bytes, stream);
 *
 * Nothing is compiled, no environment variable is read and no file is written; the
 * CUDA driver is opened when a context of a GPU is made. A kernel serves all
 * problems that differ in batch, numbers of heads of the same ratio, query length
 * (1, or more), context, layout and scale only; its schedule is that of the nearest
 * problem the library was made for. A problem that needs a kernel which the library
 * has not is LLA_ERROR_MISS, and the message names the command that makes one.
 *
 *===----------------------------------------------------------------------===*/
#ifndef LLA_AOT_H
#define LLA_AOT_H

#include "runtime/capi/lla.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Handles of this library; those of others are of other types. */
typedef struct lla_aot_context lla_aot_context;
typedef struct lla_aot_plan lla_aot_plan;

LLA_API const char *lla_aot_status_name(lla_status status);
/* Of this thread's last call of this library that failed. */
LLA_API const char *lla_aot_last_error(void);
/* Of the lla that made the library. */
LLA_API uint32_t lla_aot_version(void);
/* The manifest as JSON: kernels, architectures, registers, shared memory, hashes, toolchain. */
LLA_API const char *lla_aot_manifest(void);

/* `target`: "host", "host:THREADS", "cuda", "cuda:N"; null: "cuda" if there is a GPU that the library has code for,
 * else "host". LLA_ERROR_NO_DEVICE where the library has no code for the device. "host/BITS" takes the kernels for
 * vectors of at most so many bits, instead of for the widest that the CPU has: to test what other CPUs run. */
LLA_API lla_status lla_aot_context_create(const char *target, lla_aot_context **context);
LLA_API lla_status lla_aot_context_destroy(lla_aot_context *context);
LLA_API lla_status lla_aot_context_describe(const lla_aot_context *context, lla_context_info *info);

LLA_API lla_status lla_aot_plan_create(const lla_aot_context *context, const lla_problem *problem, lla_aot_plan **plan);
LLA_API lla_status lla_aot_plan_destroy(lla_aot_plan *plan);
LLA_API lla_status lla_aot_plan_workspace_size(const lla_aot_plan *plan, size_t *bytes);
LLA_API lla_status lla_aot_plan_prepare(lla_aot_plan *plan);
LLA_API lla_status lla_aot_plan_run(const lla_aot_plan *plan, const lla_tensors *tensors, void *workspace,
                                    size_t workspace_bytes, struct CUstream_st *stream);
LLA_API lla_status lla_aot_plan_clear_workspace(const lla_aot_plan *plan, void *workspace, size_t workspace_bytes,
                                                struct CUstream_st *stream);
/* `code_source` is "library". */
LLA_API lla_status lla_aot_plan_describe(const lla_aot_plan *plan, lla_plan_info *info);

/* For tvm-ffi, by its calling convention (TVMFFISafeCallType): its module loader finds them as lla_aot_attention and
 * lla_aot_attention_prepare. Their arguments are q, r, k, v, out, lse, tbar, vbar, lengths, starts, page_table
 * (tensors, or None for what a call has not), causal, window, scale (None: 1/sqrt(head_dim)) and bhsd. The second loads
 * the kernel of such a call and gives the bytes of its workspace; the first takes that too, zero-filled, or None if it
 * has no bytes, and runs on tvm-ffi's current stream. Those of packed sequences take, before causal, cu_seqlens_q,
 * cu_seqlens_k, max_seqlen_q and max_seqlen_k (0: as many as there are rows). Behind bhsd both may take k_scales and
 * v_scales (tensors, or None for 1) of k and v in fp8_e4m3. Those that merge take part_o, part_lse, part_tbar,
 * part_vbar, out, lse, tbar, vbar and bhsd. */
LLA_API int __tvm_ffi_lla_aot_attention_prepare(void *self, const void *arguments, int32_t count, void *answer);
LLA_API int __tvm_ffi_lla_aot_attention(void *self, const void *arguments, int32_t count, void *answer);
LLA_API int __tvm_ffi_lla_aot_attention_varlen_prepare(void *self, const void *arguments, int32_t count,
                                                       void *answer);
LLA_API int __tvm_ffi_lla_aot_attention_varlen(void *self, const void *arguments, int32_t count, void *answer);
LLA_API int __tvm_ffi_lla_aot_merge_prepare(void *self, const void *arguments, int32_t count, void *answer);
LLA_API int __tvm_ffi_lla_aot_merge(void *self, const void *arguments, int32_t count, void *answer);

#ifdef __cplusplus
}
#endif
#endif
