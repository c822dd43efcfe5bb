/* A library like those of `lla aot`, whose kernel leaves its output as it was: what a verification must notice. */
#include <stddef.h>

static int something;

const char *wrong_last_error(void) { return ""; }
const char *wrong_manifest(void) {
  return MANIFEST;
}
int wrong_context_create(const char *target, void **context) {
  *context = &something;
  return target == NULL;
}
int wrong_context_destroy(void *context) { return context == NULL; }
int wrong_plan_create(const void *context, const void *problem, void **plan) {
  *plan = &something;
  return context == NULL || problem == NULL;
}
int wrong_plan_destroy(void *plan) { return plan == NULL; }
int wrong_plan_workspace_size(const void *plan, size_t *bytes) {
  *bytes = 0;
  return plan == NULL;
}
int wrong_plan_prepare(void *plan) { return plan == NULL; }
int wrong_plan_run(const void *plan, const void *tensors, void *workspace, size_t bytes, void *stream) {
  (void)workspace, (void)bytes, (void)stream;
  return plan == NULL || tensors == NULL;
}
