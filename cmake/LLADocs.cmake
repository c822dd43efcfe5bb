# Target `docs`: the dialects' reference, from their ODS, as BUILD/docs/*.md.

add_custom_target(docs)

# lla_dialect_docs(name file.td dialect): NAME.md from FILE, in the caller's folder.
function(lla_dialect_docs name definitions dialect)
  set(LLVM_TARGET_DEFINITIONS ${definitions})
  set(page "${PROJECT_BINARY_DIR}/docs/${name}.md")
  tablegen(MLIR ${name}.md -gen-dialect-doc -dialect=${dialect} "-I${PROJECT_SOURCE_DIR}")
  add_custom_command(OUTPUT "${page}"
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${CMAKE_CURRENT_BINARY_DIR}/${name}.md" "${page}"
    DEPENDS "${CMAKE_CURRENT_BINARY_DIR}/${name}.md")
  add_custom_target(docs-${name} DEPENDS "${page}")
  add_dependencies(docs docs-${name})
endfunction()
