// RUN: lla-opt %s --lla-peel-mask-ranges -verify-diagnostics

// expected-error @+1 {{expected lla.schedule (lla-materialize-schedule)}}
func.func @no_schedule(%s: !lla.state<64>) {
  return
}
