//===- TileDialect.h - tiles, memory spaces, rings, roles -----------------===//
#ifndef LLA_DIALECT_TILE_TILEDIALECT_H
#define LLA_DIALECT_TILE_TILEDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lla::tile {
/// Builds what a map does to one element: the yielded values of the region's arguments.
using ElementBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ImplicitLocOpBuilder &, mlir::ValueRange)>;
} // namespace lla::tile

#include "dialect/Tile/TileDialect.h.inc"
#include "dialect/Tile/TileEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Tile/TileTypes.h.inc"
#define GET_OP_CLASSES
#include "dialect/Tile/TileOps.h.inc"

namespace lla::tile {
/// Bytes that a note of each of a weigher's four warps takes; 0 of what is no note (C1 of `tile.note`).
int64_t noteBytes(mlir::Type value);
} // namespace lla::tile

#endif
