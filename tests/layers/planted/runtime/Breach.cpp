#include "compiler/Artifact.h"
#include "compiler/Compile.h"
#include "compiler/Pipelines.h" // breach
#include "mlir/IR/MLIRContext.h" // breach
#include "nvrtc.h" // breach
#include "tests/numeric/Cases.def" // breach
