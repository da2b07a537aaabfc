// Where the shipped kernels (.bl files) lie: beside the installed program, in the checkout that
// built it, or where they were built.
#pragma once

#include <string>

namespace bitloom::kernels {

// Without a slash at the end; "gemm/gemm_stream.bl" lies below it.
std::string kernels_folder();

}  // namespace bitloom::kernels
