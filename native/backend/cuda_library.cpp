#include "backend/cuda_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace etap {
namespace {

constexpr const char* kFileName = "libetap_cuda.so";

// The folder of the shared object that holds this function.
std::filesystem::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&cuda_library), &info) == 0) return {};
  std::error_code ignored;
  return std::filesystem::absolute(info.dli_fname, ignored).parent_path();
}

// <root>/build/native/etap.node has the library as a neighbour or in <root>/build/cuda.
std::vector<std::filesystem::path> candidates() {
  if (const char* path = std::getenv("ETAP_CUDA_LIBRARY"); path != nullptr && *path != '\0') {
    return {path};
  }
  std::vector<std::filesystem::path> paths;
  std::filesystem::path folder = own_folder();
  paths.push_back(folder / kFileName);
  paths.push_back(folder.parent_path() / "cuda" / kFileName);
  return paths;
}

std::filesystem::path find_library() {
  std::string places;
  for (const std::filesystem::path& path : candidates()) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
    places += (places.empty() ? "" : ", ") + path.string();
  }
  throw Error("ETAP_ERR_CUDA_NOT_BUILT",
              "the CUDA library is not built (looked for " + places +
                  "); run `npm run build:cuda` where nvcc is found, or choose the cpu backend");
}

template <typename Function>
Function* find_function(void* handle, const char* name, const std::string& path) {
  void* symbol = dlsym(handle, name);
  if (symbol == nullptr) {
    throw Error("ETAP_ERR_CUDA_LIBRARY",
                path + " has no function " + name + "; build it again: npm run build:cuda");
  }
  return reinterpret_cast<Function*>(symbol);
}

CudaLibrary open_library() {
  const std::string path = find_library().string();
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw Error("ETAP_ERR_CUDA_LIBRARY", "cannot load " + path + ": " + dlerror());
  }
  const int found = find_function<CudaInterfaceFunction>(handle, "etap_cuda_interface", path)();
  if (found != kCudaInterface) {
    throw Error("ETAP_ERR_CUDA_LIBRARY", path + " has interface " + std::to_string(found) +
                                             ", expected " + std::to_string(kCudaInterface) +
                                             "; build it again: npm run build:cuda");
  }
  return {find_function<CudaCreateFunction>(handle, "etap_cuda_create", path),
          find_function<CudaCopyFunction>(handle, "etap_cuda_copy", path)};
}

}  // namespace

const CudaLibrary& cuda_library() {
  // A failed attempt throws and is made again the next time.
  static const CudaLibrary library = open_library();
  return library;
}

}  // namespace etap
