//===- TileRoleOps.td - rings, roles, handing over ------------*- tablegen -*-===//
#ifndef TILE_ROLE_OPS_TD
#define TILE_ROLE_OPS_TD

include "dialect/Tile/TileTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Rings and roles
//===----------------------------------------------------------------------===//

def Tile_OnesOp : Tile_Op<"ones", [HasParent<"KernelOp">]> {
  let summary = "a tile of ones in shared memory, which all of the CTA's threads write here";
  let description = [{
    `offset` is assigned by `tile-allocate-shared`: behind all slots of rings, since
    matrix descriptors reach forward only.

    (C1) 16 rows, those of a product's step, in one panel.
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_RingOp : Tile_Op<"ring", []> {
  let summary = "slots in shared memory and the barriers that pass them on";
  let description = [{
    Each slot has a barrier `full` (the fillers' arrivals, and the bytes that are copied)
    and a barrier `empty` (one arrival per warp that reads, `readers` or all that compute;
    of each of its lanes where there are notes).
    The one filler is the thread that copies, else each thread of the weigher is one.
    `offset` is assigned by `tile-allocate-shared`: tiles, then notes, then the barriers.

    (C1) readers in 0..32, fillers in 1..128.
  }];
  let arguments = (ins DefaultValuedAttr<I64Attr, "0">:$readers, DefaultValuedAttr<I64Attr, "1">:$fillers,
                       OptionalAttr<I64Attr>:$offset, OptionalAttr<I64Attr>:$barrier_offset);
  let results = (outs Tile_RingType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_RingFillOp : Tile_Op<"ring_fill", [MemoryEffects<[MemRead, MemWrite]>, AttrSizedOperandSegments]> {
  let summary = "producer: wait until slot n mod slots is free, then copy one tile per view into it";
  let description = [{
    Bounds and boxes are those of the copies that the fill stands for.

    (C1) one view, of its element type, and row per tile of the ring.
    (C2) begin and end come together; all tiles then have as many rows, from the same row on.
    (C3) paged views have bounds, and boxes of a multiple of 8 rows that divides the tiles'
         and a page's; no other view has boxes.
    (C4) with bounds, panels of 64 columns, as of a copy.
  }];
  let arguments = (ins Tile_RingType:$ring, I32:$n, Variadic<Tile_ViewType>:$views, Variadic<I32>:$at,
                       Optional<I32>:$begin, Optional<I32>:$end, DefaultValuedAttr<I64Attr, "0">:$box_rows);
  let assemblyFormat = [{
    $ring `[` $n `]` `from` $views `at` $at (`begin` $begin^)? (`end` $end^)? (`boxes` `of` $box_rows^)? attr-dict
    `:` type($ring) `,` type($views)
  }];
  let hasVerifier = 1;
}

def Tile_RingLandedOp : Tile_Op<"ring_landed", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "consumer: true if fill n is seen to have landed; does not wait";
  let description = [{ Of a fill that there is not, false. }];
  let arguments = (ins Tile_RingType:$ring, I32:$n);
  let results = (outs I1:$result);
  let assemblyFormat = "$ring `[` $n `]` attr-dict `:` type($ring)";
}

def Tile_RingAcquireOp : Tile_Op<"ring_acquire", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "consumer: wait until fill n has landed, unless it has been seen to; its tiles";
  let description = [{ (C1) the results are the ring's tiles. }];
  let arguments = (ins Tile_RingType:$ring, I32:$n, Optional<I1>:$landed);
  let results = (outs Variadic<Tile_SharedType>:$tiles);
  let assemblyFormat = "$ring `[` $n `]` (`unless` $landed^)? attr-dict `:` type($ring) (`->` type($tiles)^)?";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$tiles, "::mlir::Value":$ring, "::mlir::Value":$n), [{
    build($_builder, $_state, tiles, ring, n, /*landed=*/::mlir::Value());
  }]>];
}

def Tile_RingReleaseOp : Tile_Op<"ring_release", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "consumer: this warp no longer reads fill n";
  let arguments = (ins Tile_RingType:$ring, I32:$n);
  let assemblyFormat = "$ring `[` $n `]` attr-dict `:` type($ring)";
}

//===----------------------------------------------------------------------===//
// Handing over: a weigher and those who multiply values
//===----------------------------------------------------------------------===//

def Tile_HandOverOp : Tile_Op<"hand_over", [Pure]> {
  let summary = "what the weigher has formed, for the warpgroups that multiply values with it";
  let description = [{
    The same value; an operand fragment as the tile of shared memory that all of the
    weigher's warps leave theirs in. `tile-divide-consumers` puts a ring between.

    (C1) from an operand to a shared tile of 64 rows, its columns and its elements; or of f32 in layout row, or an i1,
         to its own type.
  }];
  let arguments = (ins AnyTypeOf<[Tile_FragType, I1]>:$value);
  let results = (outs AnyTypeOf<[Tile_FragType, Tile_SharedType, I1]>:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_RingClaimOp : Tile_Op<"ring_claim", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "weigher: wait until slot n mod slots is free; its tiles";
  let description = [{ (C1) the results are the ring's tiles. }];
  let arguments = (ins Tile_RingType:$ring, I32:$n);
  let results = (outs Variadic<Tile_SharedType>:$tiles);
  let assemblyFormat = "$ring `[` $n `]` attr-dict `:` type($ring) (`->` type($tiles)^)?";
  let hasVerifier = 1;
}

def Tile_RingCommitOp : Tile_Op<"ring_commit", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "weigher: this thread has written its part of fill n";
  let arguments = (ins Tile_RingType:$ring, I32:$n);
  let assemblyFormat = "$ring `[` $n `]` attr-dict `:` type($ring)";
}

def Tile_DepositOp : Tile_Op<"deposit", [MemoryEffects<[MemWrite]>]> {
  let summary = "weigher: this warp's rows of a shared tile";
  let description = [{ (C1) an operand fragment, of the columns and elements of a tile of 64 rows in panels of 64. }];
  let arguments = (ins Tile_FragType:$value, Tile_SharedType:$tile);
  let assemblyFormat = "$value `in` $tile attr-dict `:` type($value) `,` type($tile)";
  let hasVerifier = 1;
}

def Tile_CollectOp : Tile_Op<"collect", [MemoryEffects<[MemRead]>]> {
  let summary = "weigher: this warp's rows of a shared tile, in registers";
  let description = [{ (C1) an operand fragment, of the columns and elements of a tile of 64 rows. }];
  let arguments = (ins Tile_SharedType:$tile);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = "$tile attr-dict `:` type($tile) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_NoteOp : Tile_Op<"note", [MemoryEffects<[MemWrite]>]> {
  let summary = "weigher: a value of each of its warps' rows, or a flag, among a slot's notes";
  let description = [{ (C1) f32 in layout row, of 16 rows, or i1; `at` its bytes, within the ring's, 16 by 16. }];
  let arguments = (ins AnyTypeOf<[Tile_FragType, I1]>:$value, Tile_RingType:$ring, I32:$n, I64Attr:$at);
  let assemblyFormat = "$value `in` $ring `[` $n `]` `at` $at attr-dict `:` type($value) `,` type($ring)";
  let hasVerifier = 1;
}

def Tile_ReadNoteOp : Tile_Op<"read_note", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "consumer: what a note of an acquired slot says of this warp's rows";
  let description = [{ (C1) as of the note. }];
  let arguments = (ins Tile_RingType:$ring, I32:$n, I64Attr:$at);
  let results = (outs AnyTypeOf<[Tile_FragType, I1]>:$result);
  let assemblyFormat = "$ring `[` $n `]` `at` $at attr-dict `:` type($ring) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_RolesOp : Tile_Op<"roles", [HasParent<"KernelOp">, NoTerminator, NoRegionArguments]> {
  let summary = "the producer warpgroup copies, the others compute";
  let description = [{
    One elected thread runs `producer`. Of those that compute, the first warpgroup runs
    `weigher`, where there is one. The register file is divided anew:
    `producer_registers`, `weigher_registers` and `consumer_registers` per thread.

    (C1) the kernel has producer warps, and with a weigher 8 warps or more.
    (C2) registers are multiples of 8 in 24..256.
    (C3) weigher registers come with a weigher, which does something.
  }];
  let arguments = (ins I64Attr:$producer_registers, OptionalAttr<I64Attr>:$weigher_registers,
                       I64Attr:$consumer_registers);
  let regions = (region SizedRegion<1>:$producer, MaxSizedRegion<1>:$weigher, SizedRegion<1>:$consumer);
  let assemblyFormat = [{
    `producer` $producer (`weigher` $weigher^)? `consumer` $consumer attr-dict-with-keyword
  }];
  let hasVerifier = 1;
}

#endif
