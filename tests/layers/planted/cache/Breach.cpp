#include "dialect/Spec/Schedule.h"
#include "autotune/Tuner.h" // breach
#include "llvm/IR/Module.h" // breach
