// Starts threads, and says what to do where the machine has no more of them.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace etap {

// Throws ETAP_ERR_THREADS naming `what`: the group of threads that this one belongs to.
std::thread start_thread(const std::string& what, std::function<void()> body);

}  // namespace etap
