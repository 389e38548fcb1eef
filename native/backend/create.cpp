#include "backend/create.h"

#include "backend/cpu/backend.h"
#include "backend/cpu/features.h"
#include "backend/cuda_library.h"
#include "backend/reference/backend.h"
#include "base/error.h"

namespace etap {

std::unique_ptr<Backend> create_backend(std::string_view name, const BackendOptions& options) {
  if (name == "cpu") return create_cpu_backend(options.thread_count, options.isa);
  if (name == "reference") return create_reference_backend();
  if (name == "cuda") {
    return std::unique_ptr<Backend>(cuda_library().create(options.rank, options.rank_count));
  }
  throw Error("ETAP_ERR_CONFIG",
              "there is no backend \"" + std::string(name) + "\"; choose cpu, cuda or reference");
}

std::vector<std::string> available_cpu_isas() {
  return cpu::available_isas();
}

}  // namespace etap
