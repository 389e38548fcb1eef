#!/bin/bash
# Builds, checks and times the CUDA backend on a machine with a Hopper GPU; a short table comes last.
# The most telling checks come first, side by side; then the timings, alone; then the long checks.
# Every step has a time limit and a log. Usage: tools/kernel-bench/run.sh [options]
#   --built FOLDER  finished programs and libetap_cuda.so, to use instead of building
#   --out FOLDER    where logs and JSON go (default: build/kernel-bench)
#   --quick         fewer shapes in the decode bench
#   --checks        no timings
#   --sanitize      also compute-sanitizer's memcheck and racecheck over a few small cases
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
built=
out=$root/build/kernel-bench
quick=
timings=1
sanitize=
while [ $# -gt 0 ]; do
  case $1 in
    --built) built=$2; shift ;;
    --out) out=$2; shift ;;
    --quick) quick=--quick ;;
    --checks) timings= ;;
    --sanitize) sanitize=1 ;;
    *) echo "unknown argument $1" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$out/steps"
rm -f "$out"/steps/*
begin=$(date +%s)

# step NAME SECONDS COMMAND...: a process of its own, since a trap in a kernel ends its context.
step() {
  local name=$1 limit=$2 start state
  shift 2
  start=$(date +%s)
  if timeout "$limit" "$@" >"$out/steps/$name.log" 2>&1; then state=ok; else state="FAILED ($?)"; fi
  echo "$state $name ($(($(date +%s) - start)) s)" | tee "$out/steps/$name.state"
  case $state in
    ok) grep -E '^  ' "$out/steps/$name.log" | head -n 24 ;;
    *) tail -n 12 "$out/steps/$name.log" | cut -c1-300 ;;
  esac
}

program() {
  local place
  for place in "" cuda/ cuda/bench/ cuda/test-gpu/ native/test/backend/ native/test/model/; do
    if [ -x "$built/$place$1" ] && [ ! -d "$built/$place$1" ]; then
      echo "$built/$place$1"
      return
    fi
  done
  echo "$1"
}

if [ -z "$built" ]; then
  built=$root/build
  step configure-cuda 120 cmake -S "$root/native/backend/cuda" -B "$built/cuda" -G Ninja
  step build-cuda 1200 cmake --build "$built/cuda"
  step configure-native 120 cmake -S "$root/native" -B "$built/native" -G Ninja -DETAP_TESTS=ON
  step build-native 1200 cmake --build "$built/native" \
    --target test_backend test_model golden_logits
fi
ETAP_CUDA_LIBRARY=$(program libetap_cuda.so)
export ETAP_CUDA_LIBRARY ETAP_TEST_BACKEND=cuda
nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,temperature.gpu,power.draw \
  --format=csv,noheader 2>/dev/null

golden=$root/test/golden/logits
step operations 90 "$(program test_backend)" &
step golden 90 "$(program golden_logits)" "$golden" --backend cuda &
step golden-no-graphs 90 env ETAP_CUDA_GRAPHS=off "$(program golden_logits)" "$golden" \
  --backend cuda &
step golden-two-ranks 90 "$(program golden_logits)" "$golden" --backend cuda --ranks 2 &
step exchange 40 "$(program gpu_exchange_test)" &
step demo-text 60 "$(program test_model)" "greedy text" &
for group in first rows bits graph; do
  step "decode-$group" 60 "$(program gpu_decode_test)" "$group" &
done
wait

if [ -n "$timings" ]; then
  step layer 75 "$(program layer_bench)" --json "$out/layer_bench.json"
  step decode 75 "$(program decode_bench)" $quick --json "$out/decode_bench.json"
  cp "$out/steps/layer.log" "$out/layer.txt"
  cp "$out/steps/decode.log" "$out/decode.txt"
fi

for name in "bits alone" "share a step" "chunks of any" "tensor parallel"; do
  step "model-${name// /-}" 60 "$(program test_model)" "$name" &
done
for group in policy long empty plan accuracy; do
  step "decode-$group" 60 "$(program gpu_decode_test)" "$group" &
done
wait
if [ -n "$sanitize" ]; then
  for tool in memcheck racecheck; do
    step "sanitizer-$tool-decode" 60 compute-sanitizer --tool $tool --error-exitcode 9 \
      "$(program gpu_decode_test)" "first: one request with a tail" &
    step "sanitizer-$tool-operations" 60 compute-sanitizer --tool $tool --error-exitcode 9 \
      "$(program test_backend)" "experts of a row" &
  done
  wait
fi

cat "$out"/steps/*.log >"$out/log.txt"
if [ -n "$timings" ]; then
  cat "$out/layer.txt" "$out/decode.txt"
fi
cat "$out"/steps/*.state
echo "$(($(date +%s) - begin)) s in all"
! grep -q FAILED "$out"/steps/*.state
