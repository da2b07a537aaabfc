// What `bitloom --version` says.
#pragma once

#include <string>

namespace bitloom::cli {
std::string version();  // "bitloom 0.1.0 (release)"
}
