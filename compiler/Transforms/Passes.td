//===- Passes.td - every pass, in the order of the pipeline ---*- tablegen -*-===//
#ifndef LLA_PASSES_TD
#define LLA_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Algorithm: lla on tensors
//===----------------------------------------------------------------------===//

def LLAMaterializeSchedule : Pass<"lla-materialize-schedule", "::mlir::func::FuncOp"> {
  let summary = "attach the schedule and check it against what the target has";
  let description = [{
    A function that holds `lla.attention` and carries `lla.problem` and `lla.target`
    gets the `lla.schedule` that the caller chose, else the default. Fails if the
    schedule is not feasible (`checkFeasible`).

    Doctest: tests/lit/Transforms/lla-materialize-schedule.mlir
  }];
  let dependentDialects = ["::lla::LLADialect"];
}

def LLALowerToOnline : Pass<"lla-lower-to-online", "::mlir::func::FuncOp"> {
  let summary = "attention as a fold of its keys into an online state";
  let description = [{
    ```
    %o = lla.attention %q probe %r keys %k values %v scale %c causal
      ==>
    %s0 = lla.online_init
    %s1 = lla.online_update %s0 queries %q probe %r keys %k values %v scale %c causal range whole
    %o  = lla.online_finalize %s1
    ```
    lse, tbar and vbar, where asked for, come of an `lla.online_statistics`. An
    `lla.merge_states` stays: what it joins has been finalised.

    Doctest: tests/lit/Transforms/lla-lower-to-online.mlir
  }];
  let dependentDialects = ["::lla::LLADialect"];
}

def LLASplitKeyRange : Pass<"lla-split-key-range", "::mlir::func::FuncOp"> {
  let summary = "fold parts of the key range apart, then merge";
  let description = [{
    Where the schedule has several warps (or CTAs) fold the keys of one row tile, the
    update's result is unmerged over that axis, and `lla.online_merge` adds the parts:

    ```
    %s1 = lla.online_update %s0 ...
      ==>
    %p  = lla.online_update %s0 ... -> !lla.state<128, probe, unmerged = [warps, grid]>
    %w  = lla.online_merge %p over warps
    %s1 = lla.online_merge %w over grid
    ```
    Doctest: tests/lit/Transforms/lla-split-key-range.mlir
  }];
  let dependentDialects = ["::lla::LLADialect"];
}

def LLAPackRows : Pass<"lla-pack-rows", "::mlir::func::FuncOp"> {
  let summary = "query rows, GQA group and probe as rows of one tile";
  let description = [{
    ```
    lla.online_update %s queries %q probe %r ...
      ==>
    %rows = lla.pack_rows %q, %r -> !lla.rows<bf16, dim = 128, group = 4, stacked>
    lla.online_update %s rows %rows ...
    ```
    With load = registers the probe's rows are stacked under the queries' (one product
    gives s and t, in the same lanes); otherwise they stand beside each other.

    Doctest: tests/lit/Transforms/lla-pack-rows.mlir
  }];
  let dependentDialects = ["::lla::LLADialect"];
}

def LLAPeelMaskRanges : Pass<"lla-peel-mask-ranges", "::mlir::func::FuncOp"> {
  let summary = "masks cost nothing in the interior of the key range";
  let description = [{
    ```
    %s1 = lla.online_update %s0 ... causal window 64 range whole
      ==>
    %a  = lla.online_update %s0 ... causal window 64 range window_edge
    %b  = lla.online_update %a  ... causal window 64 range interior
    %s1 = lla.online_update %b  ... causal window 64 range causal_edge
    ```
    Without a window there is no window edge, unless a sequence may start within a
    page. The causal edge also holds the last, partial tile of a full attention.
    In prefill with load = ring the range `first`, of one tile, comes before all.

    Doctest: tests/lit/Transforms/lla-peel-mask-ranges.mlir
  }];
  let dependentDialects = ["::lla::LLADialect"];
}

//===----------------------------------------------------------------------===//
// Tile: one kernel
//===----------------------------------------------------------------------===//

def ConvertLLAToTile : Pass<"convert-lla-to-tile", "::mlir::ModuleOp"> {
  let summary = "tiles, memory spaces and positions for the online fold";
  let description = [{
    Each function becomes a `tile.kernel`: the rows of a tile are loaded once, each
    update becomes a loop over key tiles around one step function, merges and the
    finalisation follow. An `lla.merge_states` becomes a loop over shards.

    Doctest: tests/lit/Conversion/convert-lla-to-tile.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect", "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def TileFixSizes : Pass<"tile-fix-sizes", "::lla::tile::KernelOp"> {
  let summary = "sizes that a schedule makes static are constants";
  let description = [{
    Doctest: tests/lit/Transforms/tile-fix-sizes.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect", "::mlir::arith::ArithDialect"];
}

def TilePipelineCopies : Pass<"tile-pipeline-copies", "::lla::tile::KernelOp"> {
  let summary = "loads ahead of their use: a ring of slots, or registers";
  let description = [{
    Copies to shared memory in a loop become fills of a ring with `stages` slots;
    copies outside loops a ring of one slot. With stages = 2, loads into registers
    are issued one iteration ahead.

    Doctest: tests/lit/Transforms/tile-pipeline-copies.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect", "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect"];
}

def TilePrefetchLoads : Pass<"tile-prefetch-loads", "::lla::tile::KernelOp"> {
  let summary = "what the first loads read is on its way while earlier launches still run";
  let description = [{
    Rows that loads of keys and values behind `tile.await_launch` read first are prefetched
    before it, by lengths and pages as they are by then.

    Doctest: tests/lit/Transforms/tile-prefetch-loads.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect", "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect"];
}

def TileSpecializeRoles : Pass<"tile-specialize-roles", "::lla::tile::KernelOp"> {
  let summary = "a producer that only fills rings, consumers that only compute";
  let description = [{
    Doctest: tests/lit/Transforms/tile-specialize-roles.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect"];
}

def TileDivideConsumers : Pass<"tile-divide-consumers", "::lla::tile::KernelOp"> {
  let summary = "a warpgroup that forms weights, others that multiply values with them";
  let description = [{
    Doctest: tests/lit/Transforms/tile-divide-consumers.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect"];
}

def TileAdvanceScores : Pass<"tile-advance-scores", "::lla::tile::KernelOp"> {
  let summary = "a weigher's next scores while it forms weights";
  let description = [{
    Doctest: tests/lit/Transforms/tile-advance-scores.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect"];
}

def TileAlternateWarpgroups : Pass<"tile-alternate-warpgroups", "::lla::tile::KernelOp"> {
  let summary = "one warpgroup's products while another forms weights";
  let description = [{
    Doctest: tests/lit/Transforms/tile-alternate-warpgroups.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect"];
}

def TilePlaceWaits : Pass<"tile-place-waits", "::lla::tile::KernelOp"> {
  let summary = "wait for asynchronous products as late as their first reader allows";
  let description = [{
    Doctest: tests/lit/Transforms/tile-place-waits.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect"];
}

def TileAllocateShared : Pass<"tile-allocate-shared", "::lla::tile::KernelOp"> {
  let summary = "offsets in shared memory; the total must be what Resources says";
  let description = [{
    Doctest: tests/lit/Transforms/tile-allocate-shared.mlir
  }];
  let dependentDialects = ["::lla::tile::TileDialect"];
}

//===----------------------------------------------------------------------===//
// Target
//===----------------------------------------------------------------------===//

def ConvertTileToNVVM : Pass<"convert-tile-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "tiles as the scalars of one lane, and the machine's instructions";
  let description = [{
    1:N type conversion: a fragment becomes the registers that one lane holds.

    Doctest: tests/lit/Conversion/convert-tile-to-nvvm.mlir
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def ConvertTileToVector : Pass<"convert-tile-to-vector", "::mlir::ModuleOp"> {
  let summary = "tiles in a task's scratch, and vectors over their columns";
  let description = [{
    Doctest: tests/lit/Conversion/convert-tile-to-vector.mlir
  }];
  let options = [Option<"vectorBits", "vector-bits", "unsigned", /*default=*/"256", "width of a vector register">];
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::ub::UBDialect"];
}

#endif
