#include "dialect/Spec/Problem.h"
#include "llvm/ADT/StringRef.h"
#include "mlir/IR/Types.h" // breach
#include "dialect/LLA/LLAOps.h" // breach
#include "../Tile/TileOps.h" // breach
#include <cuda.h> // breach
