//===- TileTypes.td - fragments, shared tiles, views, rings ---*- tablegen -*-===//
#ifndef TILE_TYPES_TD
#define TILE_TYPES_TD

include "dialect/Tile/TileDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Tile_Layout : I32EnumAttr<"Layout", "how a fragment's elements are spread over lanes", [
    I32EnumAttrCase<"Accumulator", 0, "accumulator">,
    I32EnumAttrCase<"Columns", 1, "columns">,
    I32EnumAttrCase<"Row", 2, "row">,
    I32EnumAttrCase<"PartialRow", 3, "partial_row">,
    I32EnumAttrCase<"Operand", 4, "operand">,
    I32EnumAttrCase<"Rows", 5, "rows">,
    I32EnumAttrCase<"Keys", 6, "keys">,
    I32EnumAttrCase<"Values", 7, "values">,
    I32EnumAttrCase<"Flat", 8, "flat">,
    I32EnumAttrCase<"Dense", 9, "dense">]> {
  let cppNamespace = "::lla::tile";
}

def Tile_Axis : I32EnumAttr<"Axis", "where a warp is", [
    I32EnumAttrCase<"GridX", 0, "grid_x">,
    I32EnumAttrCase<"GridY", 1, "grid_y">,
    I32EnumAttrCase<"Warp", 2, "warp">,
    I32EnumAttrCase<"GridWidth", 3, "grid_width">]> {
  let cppNamespace = "::lla::tile";
}

def Tile_Scope : I32EnumAttr<"Scope", "whose states a merge adds", [
    I32EnumAttrCase<"Warps", 0, "warps">,
    I32EnumAttrCase<"Cluster", 1, "cluster">,
    I32EnumAttrCase<"Grid", 2, "grid">]> {
  let cppNamespace = "::lla::tile";
}

def Tile_Tensor : I32EnumAttr<"Tensor", "a tensor of the launch", [
    I32EnumAttrCase<"Q", 0, "q">, I32EnumAttrCase<"R", 1, "r">, I32EnumAttrCase<"K", 2, "k">,
    I32EnumAttrCase<"V", 3, "v">, I32EnumAttrCase<"O", 4, "o">, I32EnumAttrCase<"Lse", 5, "lse">,
    I32EnumAttrCase<"Tbar", 6, "tbar">, I32EnumAttrCase<"Vbar", 7, "vbar">,
    I32EnumAttrCase<"PartO", 8, "part_o">, I32EnumAttrCase<"PartLse", 9, "part_lse">,
    I32EnumAttrCase<"PartTbar", 10, "part_tbar">, I32EnumAttrCase<"PartVbar", 11, "part_vbar">]> {
  let cppNamespace = "::lla::tile";
}

def Tile_Reduction : I32EnumAttr<"Reduction", "what a reduction computes", [
    I32EnumAttrCase<"Max", 0, "max">, I32EnumAttrCase<"Min", 1, "min">, I32EnumAttrCase<"Sum", 2, "sum">,
    I32EnumAttrCase<"Peak", 3, "peak">]> {
  let cppNamespace = "::lla::tile";
}

class Tile_Type<string name, string mnemonic_> : TypeDef<Tile_Dialect, name> {
  let mnemonic = mnemonic_;
}

def Tile_FragType : Tile_Type<"Frag", "frag"> {
  let summary = "a tile in the registers of one warp";
  let description = [{
    `!tile.frag<16 x 80 x f32, accumulator>`. `flat` fragments are spread over all
    `threads` of a CTA, or of a cluster; `dense` ones belong to a host task. `swapped` ones,
    `!tile.frag<4 x 16 x f32, accumulator, swapped>`, are of products whose operands have changed places
    (`tile.dot`); of two that are stacked, rows alternate.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType, "::lla::tile::Layout":$layout,
                        DefaultValuedParameter<"int64_t", "0">:$threads,
                        DefaultValuedParameter<"bool", "false">:$swapped);
  let assemblyFormat = "`<` $rows `x` $columns `x` $elementType `,` $layout `` custom<Spread>($threads, $swapped) `>`";
  let genVerifyDecl = 1;
  let skipDefaultBuilders = 1;
  let builders = [TypeBuilder<(ins "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType,
                                   "::lla::tile::Layout":$layout, CArg<"int64_t", "0">:$threads,
                                   CArg<"bool", "false">:$swapped),
                              "return $_get($_ctxt, rows, columns, elementType, layout, threads, swapped);">];
  let extraClassDeclaration = [{
    /// Keys or values of eight bits.
    bool isOfBytes() const { return ::llvm::isa<::mlir::Float8E4M3FNType>(getElementType()); }
    /// The same with other rows.
    FragType withRows(int64_t rows) const {
      return get(getContext(), rows, getColumns(), getElementType(), getLayout(), getThreads(), getSwapped());
    }
  }];
}

def Tile_SharedType : Tile_Type<"Shared", "shared"> {
  let summary = "a tile in shared memory, in panels of columns, one behind the other";
  let description = [{
    `!tile.shared<64 x 192 x bf16>` is in panels of 64 columns, whose rows of 128 bytes are swizzled;
    `!tile.shared<64 x 192 x bf16, panels = 32>` in rows of 64 bytes. The last panel may have fewer columns.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType,
                        DefaultValuedParameter<"int64_t", "64">:$panelColumns);
  let assemblyFormat = "`<` $rows `x` $columns `x` $elementType (`,` `panels` `=` $panelColumns^)? `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of a panel's row (of 16-bit elements) and of a panel, panels, and bytes of the whole tile.
    int64_t getRowBytes() const { return getPanelColumns() * 2; }
    int64_t getPanelBytes() const { return getRows() * getRowBytes(); }
    int64_t getPanels() const { return (getColumns() + getPanelColumns() - 1) / getPanelColumns(); }
    int64_t getBytes() const { return getPanelBytes() * getPanels(); }
    bool hasWidePanels() const { return getPanelColumns() == 64; }
  }];
}

def Tile_ViewType : Tile_Type<"View", "view"> {
  let summary = "a matrix in global memory: rows of contiguous columns";
  let description = [{
    `!tile.view<64 x bf16>`; `!tile.view<64 x bf16, pages = 16>`: paged, 16 rows a page
    (at least 8).
  }];
  let parameters = (ins "int64_t":$columns, "::mlir::Type":$elementType,
                        DefaultValuedParameter<"int64_t", "0">:$pageSize);
  let assemblyFormat = "`<` $columns `x` $elementType (`,` `pages` `=` $pageSize^)? `>`";
  let extraClassDeclaration = [{
    bool isPaged() const { return getPageSize() != 0; }
  }];
  let genVerifyDecl = 1;
}

def Tile_RingType : Tile_Type<"Ring", "ring"> {
  let summary = "a queue of slots, each with the same shared tiles, and bytes for notes";
  let parameters = (ins "int64_t":$slots, ArrayRefParameter<"::mlir::Type">:$tiles,
                        DefaultValuedParameter<"int64_t", "0">:$noteBytes);
  let assemblyFormat = "`<` $slots `x` custom<Tiles>($tiles) (`,` `notes` `=` $noteBytes^)? `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of one slot's tiles.
    int64_t getSlotBytes() const;
  }];
}

#endif
