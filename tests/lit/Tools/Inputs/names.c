/* Two libraries whose names differ in case, beside lla.h. */
#include <LLA.h>
#include <Lla.h>
#include <lla.h>

int main(void) {
  LLA_context *first = 0;
  Lla_context *second = 0;
  return LLA_context_create("host", &first) != LLA_OK || Lla_context_create("host", &second) != LLA_OK;
}
