// A kernel compiled ahead of time, as files that a plain C program links: no Bitloom, no NVRTC and
// no toolkit where it runs, only the CUDA driver.
//
//   gemm.h            the arguments, and four functions: gemm_load, gemm_launch, gemm_unload,
//                     gemm_message
//   gemm.c            the images, which of them a GPU takes, the conditions and the grid of a
//                     launch, and tensor maps, which are encoded at the launch
//   gemm.sm_80.cubin  each image by itself, for those who load it in another way
//
// The source is C11 and finds the driver with dlopen, so it links with libc (and libdl where that
// is a library of its own) and starts on machines without a GPU. It takes the context that is
// current, as the driver API does everywhere.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/cache/compiled_kernel.h"
#include "runtime/result.h"

namespace bitloom::runtime {

struct BundleFile {
  std::string name;
  std::string contents;
};

// `name` is an identifier of C; `function` one of those that were compiled, checked or lowered (all
// have one signature); the images are for different targets.
std::vector<BundleFile> make_bundle(const std::string& name, const vm::Function& function,
                                    std::span<const CompiledKernel> images);

// Writes all files, making the folder when it is missing. Each is written beside its place first;
// when one cannot be, none takes its place.
Result<void> write_bundle(const std::string& folder, std::span<const BundleFile> files);

// A size expression in C: sizes are `a->NAME`, device.sms is `kernel->multiprocessors`.
std::string c_expression(const layouts::SizeExpr& expression);

}  // namespace bitloom::runtime
