// What the operations of one cpu backend share.
#pragma once

#include "backend/cpu/kernels.h"
#include "backend/cpu/memory.h"
#include "base/thread_pool.h"

namespace etap::cpu {

struct Context {
  const Kernels& kernels;
  ThreadPool& pool;
  Scratch& scratch;
};

}  // namespace etap::cpu
