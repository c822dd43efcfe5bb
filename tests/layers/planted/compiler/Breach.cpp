#include "dialect/LLA/LLAOps.h"
#include "mlir/Pass/Pass.h"
#include "cache/Key.h" // breach
#include "runtime/Jit.h" // breach
#include <cuda.h> // breach
const char *home = std::getenv("HOME"); // breach
