#include "mlir/IR/Builders.h"
#include "dialect/Tile/TileOps.h" // breach
#include "mlir/Dialect/SCF/IR/SCF.h" // breach
#include "compiler/Compile.h" // breach
