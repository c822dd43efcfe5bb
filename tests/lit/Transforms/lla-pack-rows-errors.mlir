// RUN: lla-opt %s --lla-pack-rows -verify-diagnostics

// expected-error @+1 {{expected lla.problem and lla.schedule (lla-materialize-schedule)}}
func.func @no_schedule(%s: !lla.state<64>) {
  return
}
