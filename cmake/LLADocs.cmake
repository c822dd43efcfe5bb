# Target `docs`: the dialects' reference, from their ODS, as BUILD/docs/*.md.

add_custom_target(docs)

# lla_dialect_docs(dialect FILE.td): docs/FILE.md, ops, types and attributes.
function(lla_dialect_docs dialect definitions)
  cmake_path(GET definitions STEM name)
  set(LLVM_TARGET_DEFINITIONS "${PROJECT_SOURCE_DIR}/${definitions}")
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/docs")
  tablegen(MLIR docs/${name}.md -gen-dialect-doc -dialect=${dialect} EXTRA_INCLUDES ${MLIR_INCLUDE_DIRS})
  add_custom_target(docs-${dialect} DEPENDS "${PROJECT_BINARY_DIR}/docs/${name}.md")
  add_dependencies(docs docs-${dialect})
endfunction()

lla_dialect_docs(lla dialect/LLA/LLAOps.td)
lla_dialect_docs(tile dialect/Tile/TileOps.td)
