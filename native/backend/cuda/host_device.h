// Functions that serve kernels, their callers and host tests alike.
#pragma once

#if defined(__CUDACC__)
#define ETAP_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define ETAP_HOST_DEVICE inline
#endif
