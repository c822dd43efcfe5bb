//===- LLAAttrs.td - problem, target, schedule; state types ---*- tablegen -*-===//
#ifndef LLA_ATTRS_TD
#define LLA_ATTRS_TD

include "dialect/LLA/LLADialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class LLA_Attr<string name, string mnemonic_> : AttrDef<LLA_Dialect, name> {
  let mnemonic = mnemonic_;
  let hasCustomAssemblyFormat = 1;
}

def LLA_ProblemAttr : LLA_Attr<"Problem", "problem"> {
  let summary = "what is computed: the vocabulary's Problem as an attribute";
  let description = [{
    `#lla.problem<mode = decode, batch = 1, ...>`: field names and values are those
    of the JSON form; fields left out take their defaults.
  }];
  let parameters = (ins "::lla::Problem":$value);
}

def LLA_TargetAttr : LLA_Attr<"Target", "target"> {
  let summary = "where it runs: the vocabulary's Target as an attribute";
  let description = [{ `#lla.target<kind = "cuda", arch = "sm_90a", ...>` }];
  let parameters = (ins "::lla::Target":$value);
}

def LLA_ScheduleAttr : LLA_Attr<"Schedule", "schedule"> {
  let summary = "how it is computed: the vocabulary's Schedule as an attribute";
  let description = [{
    `#lla.schedule<load = registers, rows = 8, ...>`: the fields of `Schedule.def`;
    fields left out take their defaults.
  }];
  let parameters = (ins "::lla::Schedule":$value);
}

def LLA_SplitAxis : I32EnumAttr<"SplitAxis", "who folds the parts of a split key range", [
    I32EnumAttrCase<"Warps", 0, "warps">,
    I32EnumAttrCase<"Cluster", 1, "cluster">,
    I32EnumAttrCase<"Grid", 2, "grid">]> {
  let cppNamespace = "::lla";
}

def LLA_KeyRange : I32EnumAttr<"KeyRangeKind", "part of the visible keys", [
    I32EnumAttrCase<"Whole", 0, "whole">,
    I32EnumAttrCase<"WindowEdge", 1, "window_edge">,
    I32EnumAttrCase<"Interior", 2, "interior">,
    I32EnumAttrCase<"CausalEdge", 3, "causal_edge">,
    I32EnumAttrCase<"First", 4, "first">]> {
  let cppNamespace = "::lla";
}

def LLA_Packing : I32EnumAttr<"Packing", "where the probe rows of a tile stand", [
    I32EnumAttrCase<"None", 0, "none">,
    I32EnumAttrCase<"Separate", 1, "separate">,
    I32EnumAttrCase<"Stacked", 2, "stacked">]> {
  let cppNamespace = "::lla";
}

class LLA_Type<string name, string mnemonic_> : TypeDef<LLA_Dialect, name> {
  let mnemonic = mnemonic_;
  let genVerifyDecl = 1;
}

def LLA_StateType : LLA_Type<"State", "state"> {
  let summary = "online state of every query row";
  let description = [{
    `!lla.state<128, probe, unmerged = [warps, grid]>`: head dim, whether d2, c and O2
    are carried, and the split axes whose partial states have not been added yet, in the
    order in which they merge: warps, cluster, grid. The dim is a multiple of 8 in 16..256.
  }];
  let parameters = (ins "int64_t":$dim, "bool":$probe, ArrayRefParameter<"::lla::SplitAxis">:$unmerged);
  let hasCustomAssemblyFormat = 1;
}

def LLA_RowsType : LLA_Type<"Rows", "rows"> {
  let summary = "query and probe rows, packed for tiles";
  let description = [{
    `!lla.rows<bf16, dim = 128, group = 4, stacked>`. Row rho of a KV head is query row
    rho / group of query head rho mod group. `stacked`: a block of 16 tile rows holds 8
    query rows over the probes of the same 8; `separate`: query and probe tiles stand
    beside each other; `none`: no probe.
  }];
  let parameters = (ins "::mlir::Type":$elementType, "int64_t":$dim, "int64_t":$group, "::lla::Packing":$packing);
  let assemblyFormat = "`<` $elementType `,` `dim` `=` $dim `,` `group` `=` $group `,` $packing `>`";
}

#endif
