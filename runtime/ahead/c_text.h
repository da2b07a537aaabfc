// The header and the source of a bundle; see runtime/ahead/bundle.h.
#pragma once

#include "runtime/ahead/bundle.h"

namespace bitloom::runtime {

// What both texts are made of.
struct CKernel {
  std::string name;
  const vm::Function& function;
  std::span<const CompiledKernel> images;
};

std::string c_header(const CKernel& kernel);
std::string c_source(const CKernel& kernel);
// "int64_t", "float", "uint16_t"
std::string c_type(const codegen::CudaParameter& parameter, const vm::Function& function);
// A name of the kernel's text as a member: C's own words get a _ behind.
std::string c_member(const std::string& name);
// As the inside of a C string or comment.
std::string c_quoted(std::string_view text);

}  // namespace bitloom::runtime
