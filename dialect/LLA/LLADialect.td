//===- LLADialect.td - the mathematics ------------------------*- tablegen -*-===//
#ifndef LLA_DIALECT_TD
#define LLA_DIALECT_TD

include "mlir/IR/OpBase.td"

def LLA_Dialect : Dialect {
  let name = "lla";
  let cppNamespace = "::lla";
  let summary = "local linear attention as algebra on tensors";
  let description = [{
    The operator family `o = vbar - Cov_p(v, k) r` and its online algebra. Tensors
    are logically (batch, row, head, dim); their strides belong to the launch, not
    to the type.

    Two levels. `lla.attention` says *what*, and `lla.merge_states` joins the results of
    shards of the keys. The `lla.online_*` ops say *how*, as a
    commutative monoid: a `!lla.state` holds, per query row, `(m, d1, d2, c, O1, O2)`
    with

        m  = max s                     d1 = sum e^(s-m)
        d2 = sum e^(s-m) (t - c)       O1 = sum e^(s-m) v
        O2 = sum e^(s-m) (t - c) v     c  = any per-row constant

    `online_update` folds a range of keys into it, `online_merge` adds the states of
    split key ranges (rescaled to the larger m, shifted to one c), and
    `online_finalize` gives `O1/d1 (1 + d2/d1) - O2/d1`, or 0 where d1 = 0, and
    `online_statistics` what else is worth keeping of a state.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

#endif
