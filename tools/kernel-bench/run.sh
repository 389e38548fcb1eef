#!/bin/sh
# Builds, checks and times the CUDA kernels on a machine with a Hopper GPU, and prints a short table
# last. Usage: tools/kernel-bench/run.sh [--quick] [--built FOLDER] [--out FOLDER] [--sanitize]
#   --quick     fewer shapes
#   --built     a finished build folder to use instead of building
#   --out       where logs and JSON go (default: build/kernel-bench)
#   --sanitize  also run compute-sanitizer's memcheck and racecheck over a few small cases
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
built=
out=$root/build/kernel-bench
quick=
sanitize=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=--quick ;;
    --built) built=$2; shift ;;
    --out) out=$2; shift ;;
    --sanitize) sanitize=1 ;;
    *) echo "unknown argument $1" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$out"
failed=

# A trap in a kernel ends the CUDA context, so every group of tests is a process of its own.
step() {
  name=$1
  shift
  begin=$(date +%s)
  if timeout 150 "$@" >"$out/$name.log" 2>&1; then state=ok; else state=FAILED; failed=1; fi
  echo "$state $name ($(($(date +%s) - begin)) s)"
  if [ $state = FAILED ]; then tail -n 25 "$out/$name.log"; else grep '^  ' "$out/$name.log"; fi
}

if [ -z "$built" ] || ! "$built/test-host/test_cuda_host" >/dev/null 2>&1; then
  built=$out/build
  step configure cmake -S "$root/native/backend/cuda" -B "$built" -G Ninja
  step build cmake --build "$built"
  step gates python3 "$root/tools/kernel-bench/compile_gates.py" "$built"
fi
nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,temperature.gpu,power.draw \
  --format=csv,noheader 2>/dev/null

step host "$built/test-host/test_cuda_host"
step probe "$built/test-gpu/gpu_probe"
for group in first reference plan rows policy long empty bits graph accuracy; do
  step "decode-$group" "$built/test-gpu/gpu_decode_test" "$group"
done
if [ -n "$sanitize" ]; then
  for tool in memcheck racecheck; do
    step "sanitizer-$tool" compute-sanitizer --tool $tool --error-exitcode 9 \
      "$built/test-gpu/gpu_decode_test" first
  done
fi
step rates "$built/bench/instruction_rates" "$out/instruction_rates.json"
cat "$out/rates.log"
step bench "$built/bench/decode_bench" $quick --json "$out/decode_bench.json"
cat "$out/bench.log"
[ -z "$failed" ]
