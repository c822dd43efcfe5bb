#include "cache/Record.h"
#include "runtime/Executor.h" // breach
#include <chrono> // breach
auto now = std::chrono::steady_clock::now(); // breach
