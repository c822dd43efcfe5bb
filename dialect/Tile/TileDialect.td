//===- TileDialect.td - tiles, memory spaces, rings, roles ----*- tablegen -*-===//
#ifndef TILE_DIALECT_TD
#define TILE_DIALECT_TD

include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::lla::tile";
  let summary = "one kernel's tiles: where they are and who works on them";
  let description = [{
    The body of a `tile.kernel` is what one warp does (on the host: one task). A
    *fragment* is a tile held by that warp in registers, spread over its lanes by one
    of a closed set of layouts; a *shared* tile is in shared memory; a *view* is a
    matrix in global memory. A *ring* is a queue of shared tiles between a producer
    and the consumers.

    Lanes: with `g = lane / 4` and `c = lane mod 4`, a fragment of 16 (8) rows gives a
    lane rows g and g + 8 (row g), a swapped one of 8 (4) rows 2 c and 2 c + 1 (row c);
    see FragmentLayout.h for all layouts.
  }];
  let useDefaultTypePrinterParser = 1;
}

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

#endif
