#include "base/start_thread.h"

#include <system_error>
#include <utility>

#include "base/error.h"

namespace etap {

std::thread start_thread(const std::string& what, std::function<void()> body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {
    throw Error("ETAP_ERR_THREADS",
                "cannot start a thread for " + what + " (" + error.what() +
                    "); lower engine.threads or engine.tensorParallelSize, or raise the limit of "
                    "processes (ulimit -u, pids.max of the container)");
  }
}

}  // namespace etap
