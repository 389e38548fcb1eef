// libetap_cuda.so, opened at run time, so that nothing here needs CUDA to be built or installed.
#pragma once

#include "backend/cuda_interface.h"

namespace etap {

struct CudaLibrary {
  CudaCreateFunction* create;
  CudaCopyFunction* copy;
};

// Opens the library once per process: ETAP_CUDA_LIBRARY (a path), or libetap_cuda.so beside this
// code or in build/cuda. Throws ETAP_ERR_CUDA_NOT_BUILT where there is none, ETAP_ERR_CUDA_LIBRARY
// where it does not load or comes from other sources.
const CudaLibrary& cuda_library();

}  // namespace etap
