include "mlir/IR/OpBase.td"
include "dialect/LLA/LLAOps.td" // breach
