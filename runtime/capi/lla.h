/*===- lla.h - kernels for local linear attention, from C ------------------===
 *
 * The only ABI promise of this project: C99, opaque handles, status codes, no
 * exception, no exit(). What is computed is in README.md; field by field it is
 *
 *     o_i = sum_j p_ij (1 + tbar_i - t_ij) v_j
 *     p_i = softmax_j(scale <q_i, k_j>)   t_ij = <r_i, k_j>   tbar_i = sum_j p_ij t_ij
 *
 *     lla_context *context;  lla_plan *plan;  size_t bytes;
 *     lla_problem problem = LLA_PROBLEM_INIT;        problem.context = 4096; ...
 *     lla_context_create("cuda:0", &context);        the device, once
 *     lla_plan_create(context, &problem, &plan);     decides the schedule
 *     lla_plan_workspace_size(plan, &bytes);         allocate and zero-fill it, once
 *     lla_plan_prepare(plan);                        compiles, loads: all that blocks
 *     lla_plan_run(plan, &tensors, workspace, bytes, stream);     again and again
 *
 * A plan is made for a maximum batch, query length and context (or shards) and runs
 * anything up to them; the tensors of a call say how much that is. (A library that
 * `lla aot --static-sizes` made plans for its problems' very sizes, and runs these.)
 *
 * Errors. Every function that can fail gives a status; the message is
 * lla_last_error(), of the form "field: expected X, got Y". A call that fails has
 * enqueued nothing and changed nothing. Misuse that can be seen is an error, never
 * a crash: null, a destroyed handle or one of another kind, wrong types, shapes,
 * strides or devices, outputs that overlap something. What cannot be seen: an
 * address that is not the memory it is said to be, and one thread destroying a
 * handle that another is using.
 *
 * Threads. Any function may be called from any thread at any time, with that one
 * exception. lla_plan_run takes no lock on a GPU; concurrent runs of one plan need
 * a workspace each. (The host target runs one kernel at a time, on all threads.)
 *
 * Fork. A child has its parent's handles. Plans of the host target run there, on
 * threads of its own, whatever other threads of the parent did at the fork; the other
 * functions work if no other thread of the parent was in one. CUDA does not survive a
 * fork: after the parent opened a GPU, what needs one is LLA_ERROR_NO_DEVICE in the
 * child.
 *
 * GPUs. Contexts of several GPUs live side by side. Each uses its GPU's primary
 * context, as the CUDA runtime, PyTorch and JAX do; the caller's current context is
 * left as it was.
 *
 * CUDA graphs. Of all functions, lla_plan_run and lla_plan_clear_workspace are legal
 * while their stream is being captured, and so are those that ask (sizes,
 * descriptions, statistics, errors, version). A plan that is run and not prepared by
 * then fails with LLA_ERROR_NOT_PREPARED.
 * A graph holds the addresses of its tensors and workspace, and the code of its
 * plan: keep all of them while it lives.
 *
 * Structs. The first member, struct_size, is sizeof the struct as the caller knows
 * it: set it by the INIT macros. Members are only ever added, at the end, with 0
 * for what was before; a library that is older than its caller refuses a struct
 * that uses what it does not know.
 *
 * The environment variables of README.md (LLA_CACHE_DIR, LLA_TUNE ...) are read when
 * a context is made. Compiles run in a process of their own: `lla`, as LLA_WORKER
 * says, else beside this library (or in ../bin), else beside the executable, else on
 * PATH; without one, in this process, which is logged.
 *
 *===----------------------------------------------------------------------===*/
#ifndef LLA_H
#define LLA_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define LLA_API __attribute__((visibility("default")))
#else
#define LLA_API
#endif

#define LLA_VERSION_MAJOR 0
#define LLA_VERSION_MINOR 1
#define LLA_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* CUstream and cudaStream_t are pointers to it. */
struct CUstream_st;

/*===--- status -----------------------------------------------------------===*/

typedef enum lla_status {
  LLA_OK = 0,
  LLA_ERROR_USAGE = 1,         /* a null, a field, a tensor, a workspace, an environment variable */
  LLA_ERROR_HANDLE = 2,        /* a handle that is null, destroyed, or of another kind */
  LLA_ERROR_NOT_PREPARED = 3,  /* run before prepare */
  LLA_ERROR_NO_DEVICE = 4,     /* no such device, no driver, or too old a one; a GPU in a forked child */
  LLA_ERROR_EXECUTION = 5,     /* the device reported a fault */
  LLA_ERROR_COMPILE = 6,       /* the compiler refused */
  LLA_ERROR_WORKER = 7,        /* the compile worker crashed */
  LLA_ERROR_TIMEOUT = 8,       /* the compile worker hung, and was stopped */
  LLA_ERROR_MISS = 9,          /* LLA_TUNE=strict or LLA_ASSERT_CACHE_HIT, and nothing is known */
  LLA_ERROR_JIT_DISABLED = 10, /* LLA_DISABLE_JIT; the message names the command to run ahead of time */
  LLA_ERROR_VERIFICATION = 11, /* a search found that a kernel computes something wrong */
  LLA_ERROR_CANCELLED = 12,    /* by the progress callback */
  LLA_ERROR_MEMORY = 13,       /* this process has no memory left */
  LLA_ERROR_INTERNAL = 14,     /* a defect of this library */
  LLA_STATUS_MAX = 0x7fffffff  /* none: makes room for later ones */
} lla_status;

/* "usage", "not-prepared" ...; "unknown" of a number that is no status. Never null. */
LLA_API const char *lla_status_name(lla_status status);

/* The message of this thread's last call that failed; "" if none did. Never null; valid until this thread's next
 * call of this library. */
LLA_API const char *lla_last_error(void);

/* 10000 * major + 100 * minor + patch of the library that is loaded, which may be newer than this header. */
LLA_API uint32_t lla_version(void);

/*===--- the log ----------------------------------------------------------===*/

typedef enum lla_log_level {
  LLA_LOG_OFF = 0,
  LLA_LOG_ERROR = 1,
  LLA_LOG_WARNING = 2, /* what went wrong without doing harm: each text once */
  LLA_LOG_INFO = 3,    /* each compile and each search, with its time */
  LLA_LOG_DEBUG = 4,   /* each load */
  LLA_LOG_MAX = 0x7fffffff
} lla_log_level;

/* `message` has no line end and lives as long as the call. */
typedef void (*lla_log_callback)(void *user, lla_log_level level, const char *message);

/* Messages of all contexts up to `level` go to `callback` instead of standard error; null: back to standard error, as
 * LLA_LOG says. The callback may be called from any thread, one at a time, and must not call this library. It is not
 * called any more when this returns. */
LLA_API lla_status lla_set_log_callback(lla_log_level level, lla_log_callback callback, void *user);

/*===--- problems ---------------------------------------------------------===*/

typedef enum lla_mode {
  LLA_MODE_DECODE = 0,  /* few query rows of each sequence, whose time is that of reading k and v */
  LLA_MODE_PREFILL = 1, /* many */
  LLA_MODE_MERGE = 2 /* joins results of disjoint shards of the keys */
} lla_mode;

typedef enum lla_probe {
  LLA_PROBE_GIVEN = 0, /* r is a tensor of the call */
  LLA_PROBE_NONE = 1,  /* softmax attention */
  LLA_PROBE_SOLVED = 2 /* refused until it lands */
} lla_probe;

typedef enum lla_dtype {
  LLA_DTYPE_DEFAULT = 0,
  LLA_FP32 = 1,
  LLA_BF16 = 2,
  LLA_FP16 = 3,
  LLA_FP8_E4M3 = 4 /* of k and v only */
} lla_dtype;

/* The order of the dimensions of q, r, k, v, o and of the state; memory may have any strides. */
typedef enum lla_layout {
  LLA_LAYOUT_BSHD = 0, /* (batch, row, head, dim) */
  LLA_LAYOUT_BHSD = 1  /* (batch, head, row, dim) */
} lla_layout;

/* Enumerations are int32_t here, so that their size is no question. Flags are 0 or 1. */
typedef struct lla_problem {
  size_t struct_size;
  int32_t mode;         /* lla_mode */
  int32_t probe;        /* lla_probe */
  int32_t dtype;        /* lla_dtype of q and r; default bf16, of a merge fp32 */
  int32_t output_dtype; /* lla_dtype of o: default as dtype; fp32; of a merge any */
  int32_t layout;       /* lla_layout */
  int32_t causal;       /* aligned to the end: row i sees keys j <= context - query_length + i */
  int32_t state;        /* lse, tbar and vbar are outputs too; always so in a merge */
  int32_t ragged;       /* lengths and starts may come with a call; masks are aligned to each sequence's own end */
  int32_t has_scale;    /* 0: scale is 1/sqrt(head_dim) */
  int32_t reserved;     /* 0 */
  int64_t batch;        /* sequences, at most */
  int64_t query_heads;  /* a multiple of kv_heads */
  int64_t kv_heads;     /* of a merge: as query_heads */
  int64_t query_length; /* query rows of a sequence, at most; 0: context in prefill, else 1 */
  int64_t context;      /* keys of a sequence, at most; 0 in a merge */
  int64_t head_dim;     /* a multiple of 8 in 16..256 */
  int64_t window;       /* 0: none; W: each row sees its last W keys, its own included; implies causal */
  int64_t shards;       /* of a merge: partial results, at most; else 0 */
  int64_t page_size;    /* 0: keys are contiguous; >= 8: k and v are pools of pages of so many keys */
  double scale;         /* of <q, k>, if has_scale */
  double lambda;        /* 0 */
  /* Behind what the first version had: */
  int32_t packed_queries; /* query rows of all sequences stand one behind the other; implies ragged */
  int32_t packed_keys;    /* likewise keys and values, which are not in pages then; implies ragged */
  int32_t kv_dtype;       /* lla_dtype of k and v: as dtype, or fp8_e4m3 (beside 16 bits, head_dim in steps of 16) */
  int32_t reserved_keys;  /* 0 */
} lla_problem;

/* One decode step of one head of nothing: set context and head_dim at least. */
#define LLA_PROBLEM_INIT                                                                                               \
  {sizeof(lla_problem), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0, 0, 0, 0}

/* From the JSON form that the driver takes (`lla COMMAND --problem`); lines that LLA_CAPTURE writes have it as
 * `problem`. */
LLA_API lla_status lla_problem_parse(const char *json, lla_problem *problem);

/*===--- devices ----------------------------------------------------------===*/

/* A device, its compiled kernels and its caches. */
typedef struct lla_context lla_context;

/* `target`: "host" (all threads), "host:THREADS", "cuda" (GPU 0), "cuda:N"; null: "cuda" if there is a usable GPU, else
 * "host". Reads the environment. */
LLA_API lla_status lla_context_create(const char *target, lla_context **context);

/* Null is legal. Plans that were made from it live on; its kernels go with the last of them. */
LLA_API lla_status lla_context_destroy(lla_context *context);

/* Where tensors are, as DLPack numbers it. */
typedef struct lla_device {
  int32_t type; /* lla_device_type */
  int32_t id;   /* of a GPU; else ignored */
} lla_device;

typedef enum lla_device_type {
  LLA_DEVICE_CPU = 1,
  LLA_DEVICE_CUDA = 2,
  LLA_DEVICE_CUDA_HOST = 3,    /* pinned: of the host target */
  LLA_DEVICE_CUDA_MANAGED = 13 /* of a GPU, whatever its id */
} lla_device_type;

typedef struct lla_context_info {
  size_t struct_size;
  const char *target;      /* "cuda:1"; strings live as long as the context */
  const char *arch;        /* "sm_90a", "host" */
  const char *device_name; /* for people */
  lla_device device;       /* that tensors have to be on */
  int64_t multiprocessors; /* SMs, or threads */
} lla_context_info;

#define LLA_CONTEXT_INFO_INIT {sizeof(lla_context_info), NULL, NULL, NULL, {0, 0}, 0}

LLA_API lla_status lla_context_describe(const lla_context *context, lla_context_info *info);

/* What preparing has cost so far, by the layer that answered; milliseconds are sums over calls. */
typedef struct lla_statistics {
  size_t struct_size;
  int64_t memory_hits;              /* kernels that were in this context already */
  int64_t cache_hits;               /* found in an artifact cache */
  double cache_milliseconds;        /* to find them */
  double cache_load_milliseconds;   /* to load them */
  int64_t misses;                   /* found nowhere: compiled, or refused */
  int64_t compiles;                 /* tried */
  int64_t compile_failures;         /* of them */
  double compile_milliseconds;      /* of all compiles */
  double compile_load_milliseconds; /* to load what was compiled */
  int64_t load_failures;            /* code that the device did not take */
  int64_t schedules_from_records;   /* decided by a tuning record of the problem */
  int64_t schedules_from_dispatch;   /* by those of problems around it */
  int64_t schedules_by_default;     /* by none */
  int64_t schedules_searched;       /* tuned in this process */
  double search_milliseconds;
} lla_statistics;

#define LLA_STATISTICS_INIT {sizeof(lla_statistics), 0, 0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0, 0, 0, 0, 0, 0, 0.0}

LLA_API lla_status lla_context_statistics(const lla_context *context, lla_statistics *statistics);

/*===--- tensors ----------------------------------------------------------===*/

typedef enum lla_type_code {
  LLA_TYPE_INT = 0,
  LLA_TYPE_FLOAT = 2,
  LLA_TYPE_BFLOAT = 4,
  LLA_TYPE_FLOAT8_E4M3FN = 10
} lla_type_code;

typedef struct lla_data_type {
  uint8_t code;   /* lla_type_code */
  uint8_t bits;   /* 32, 16 or 8 */
  uint16_t lanes; /* 1 */
} lla_data_type;

/* Exactly DLPack's DLTensor, of any version so far: a pointer to one may be given. It has therefore no struct_size. */
typedef struct lla_tensor {
  void *data; /* of a GPU's memory, if it is on one; owned by the caller */
  lla_device device;
  int32_t ndim;
  lla_data_type dtype;
  const int64_t *shape;
  const int64_t *strides; /* in elements; null: row-major without gaps */
  uint64_t byte_offset;   /* added to data */
} lla_tensor;

/* The tensors of a call. What the problem does not have is null. Layout bshd; in bhsd rows and heads change places.
 *
 * The last stride is 1 and none is negative; on a GPU the addresses and the other strides of tensors with a `dim` are
 * multiples of 16 bytes. Inputs may overlap or interleave, even with themselves (stride 0); an output addresses each of
 * its elements once and overlaps nothing. Sizes b <= batch, s <= query_length, l <= context, n <= shards of the
 * problem, 0 too; k and v have the same l.
 *
 * Packed queries have no b: q, r, o and vbar are [rows, query_heads, head_dim], lse and tbar [rows, query_heads], with
 * the rows of all sequences, of which cu_seqlens_q says where each begins. Likewise packed keys: k and v are
 * [keys, kv_heads, head_dim]. query_length and context are the most that a sequence has: what a cu_seqlens says beyond
 * them is neither read nor written. */
typedef struct lla_tensors {
  size_t struct_size;
  const lla_tensor *q; /* [b, s, query_heads, head_dim] of dtype */
  const lla_tensor *k; /* [b, l, kv_heads, head_dim] of kv_dtype; paged: [pages, page_size, kv_heads, head_dim] */
  const lla_tensor *v; /* as k */
  const lla_tensor *r; /* as q; with probe given */
  const lla_tensor *o; /* as q, of output_dtype */
  /* With state, fp32: ln sum_j e^s_j (-inf if a row sees no key), tbar, and sum_j p_j v_j. */
  const lla_tensor *lse;  /* [b, s, query_heads] */
  const lla_tensor *tbar; /* as lse */
  const lla_tensor *vbar; /* as q */
  /* Inputs of a merge, fp32: o, lse, tbar and vbar of n shards. It has no q, k, v, r. */
  const lla_tensor *part_o;    /* [n, b, s, query_heads, head_dim] */
  const lla_tensor *part_lse;  /* [n, b, s, query_heads] */
  const lla_tensor *part_tbar; /* as part_lse */
  const lla_tensor *part_vbar; /* as part_o */
  /* int32, on the device, never read by the host; what is out of range is clamped. */
  const lla_tensor *lengths; /* ragged: keys of each sequence [b]; null: l each */
  const lla_tensor *starts;  /* ragged: the first valid key of each [b]; null: 0 */
  const lla_tensor
      *page_table; /* paged: [b, p], the pages of a sequence in order; its l is min(context, p page_size). A number of
                      no page of k means its last: nothing outside is touched */
  const lla_tensor *cu_seqlens_q; /* packed queries: the first row of each sequence, and of one more [b + 1] */
  const lla_tensor *cu_seqlens_k; /* packed keys: likewise the first key [b + 1] */
  /* fp8_e4m3: what elements of k, and of v, are multiplied by, fp32, on the device: [1] or [kv_heads]; null: 1. */
  const lla_tensor *k_scales;
  const lla_tensor *v_scales;
} lla_tensors;

#define LLA_TENSORS_INIT                                                                                               \
  {sizeof(lla_tensors), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,      \
   NULL, NULL, NULL, NULL}

/*===--- plans ------------------------------------------------------------===*/

typedef struct lla_plan lla_plan;

/* Decides how the problem is computed: tuning records, else a default; with LLA_TUNE=tune it may search, which takes
 * seconds. Compiles nothing else. */
LLA_API lla_status lla_plan_create(const lla_context *context, const lla_problem *problem, lla_plan **plan);

/* Null is legal. Work that it enqueued must have ended, and graphs that hold it must not be launched again. */
LLA_API lla_status lla_plan_destroy(lla_plan *plan);

/* Bytes of device memory that each concurrent run needs, aligned to 256; 0: none, pass null. The caller owns it and
 * zero-fills it once, before the first run, or has lla_plan_clear_workspace do what is needed of that; it may serve
 * other plans if either is done in between. */
LLA_API lla_status lla_plan_workspace_size(const lla_plan *plan, size_t *bytes);

/* Finds or compiles the kernel and loads it: a fraction of a second if it is new, about a millisecond from the cache.
 * Once is enough; again is free. Not legal while any stream of the device is being captured. */
LLA_API lla_status lla_plan_prepare(lla_plan *plan);

/* Enqueues the kernel on `stream` (null: the default stream); the host target ignores it and is done on return.
 * Checks the tensors; never compiles, loads, allocates, synchronises, or reads device memory. Faults of the kernel show
 * in later calls of CUDA, as usual. */
LLA_API lla_status lla_plan_run(const lla_plan *plan, const lla_tensors *tensors, void *workspace,
                                size_t workspace_bytes, struct CUstream_st *stream);

/* For a workspace of any content: enqueues on `stream`, as lla_plan_run does, the zeros that the plan's first run in it
 * needs: its counters, a few KB at the beginning; the rest needs no value. Once is enough, for runs leave the counters
 * zero. The plan need not be prepared. The workspace is checked as lla_plan_run does; if the plan needs none, nothing
 * is enqueued. */
LLA_API lla_status lla_plan_clear_workspace(const lla_plan *plan, void *workspace, size_t workspace_bytes,
                                            struct CUstream_st *stream);

typedef struct lla_plan_info {
  size_t struct_size;
  const char *problem;         /* canonical JSON, defaults resolved; strings live as long as the plan */
  const char *schedule;        /* canonical text */
  const char *schedule_source; /* "exact", "dispatch", "default", "tuned" */
  const char *schedule_reason; /* a sentence */
  const char *code_source;     /* "memory", "cache", "compiled"; "" before prepare */
  const char *notice;          /* what went wrong without doing harm, e.g. that the cache is full; "" for nothing */
  double compile_milliseconds; /* of prepare */
  double load_milliseconds;
  size_t workspace_bytes;
  int32_t is_prepared;
  int32_t reserved;
} lla_plan_info;

#define LLA_PLAN_INFO_INIT {sizeof(lla_plan_info), NULL, NULL, NULL, NULL, NULL, NULL, 0.0, 0.0, 0, 0, 0}

LLA_API lla_status lla_plan_describe(const lla_plan *plan, lla_plan_info *info);

/*===--- many at once -----------------------------------------------------===*/

/* Called after each problem, from one thread at a time: `done` of `count` are finished, problems[index] with `status`
 * and `message` ("" if it went well). Anything but 0 cancels, if there is anything left. Must not call lla_warmup. */
typedef int (*lla_progress_callback)(void *user, size_t done, size_t count, size_t index, lla_status status,
                                     const char *message);

typedef struct lla_warmup_options {
  size_t struct_size;
  int64_t jobs;                   /* problems at a time; 0: as LLA_JOBS says, else one per CPU */
  lla_progress_callback progress; /* null: none */
  void *user;
  lla_status *statuses; /* null, or `count` of them: one for each problem; LLA_ERROR_CANCELLED if it was not begun */
} lla_warmup_options;

#define LLA_WARMUP_OPTIONS_INIT {sizeof(lla_warmup_options), 0, NULL, NULL, NULL}

/* Compiles and loads the kernels of `count` problems, so that plans for them are prepared in no time as long as
 * `context` lives. Returns when all are done, or, after a cancellation, when those begun are. A problem that fails does
 * not stop the others; the status is then that of the first in the list that failed. `options` may be null. All
 * problems have the struct_size of the first. */
LLA_API lla_status lla_warmup(lla_context *context, const lla_problem *problems, size_t count,
                              const lla_warmup_options *options);

#ifdef __cplusplus
}
#endif
#endif
